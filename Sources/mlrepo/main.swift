import CommandLine

runMain()
