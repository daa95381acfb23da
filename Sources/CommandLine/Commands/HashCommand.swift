internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import WorkingTree

struct HashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash", abstract: "Print the id that a file has, as sha256sum does.",
        discussion: """
            EXAMPLES
              mlrepo hash model.safetensors
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "Files.")
    var files: [String]

    func run() throws {
        let environment = Environment.process()
        let progress = output.progress("reading")
        defer { progress.finish() }
        for file in files {
            let path = environment.place(named: file)
            let id: ObjectID
            if (try? environment.files.status(path))??.kind == .directory {
                throw Failure(
                    status: .usage,
                    message: "\(Terminal.escaped(file)) is a directory: only files have a digest",
                    path: Terminal.escaped(ArgumentText.bytes(file)))
            }
            do throws(FileError) {
                id = try Snapshot.digest(of: path, environment.files) { progress.add($0) }
            } catch { throw Failure(error, reading: file) }
            progress.finish()
            if output.json {
                Terminal.printJSON(
                    .object(["file": Terminal.json(ArgumentText.bytes(file)), "id": id.json]))
                continue
            }
            Terminal.print("\(id.hex)  \(Terminal.escaped(ArgumentText.bytes(file)))")
        }
    }
}
