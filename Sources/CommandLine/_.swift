package func runMain() {}
