internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import ParameterFiles

/// The parameters and metrics of a run that has ended.
struct RunValues {
    private let repository: Repository
    private let findings: RunFindings
    private let isObserved: Bool

    init(_ repository: Repository, _ findings: RunFindings, isObserved: Bool) {
        (self.repository, self.findings, self.isObserved) = (repository, findings, isObserved)
    }

    /// What files say, then what the command itself says, then what it was told: what comes later wins; what an earlier run was told counts last.
    func parameters(
        files: [String], logged: [String: ParameterValue], words: [String], given: [String: ParameterValue],
        earlier: [String: ParameterValue]
    ) -> [String: ParameterValue] {
        var values: [String: ParameterValue] = [:]
        if files.isEmpty {
            if let found = found("params", among: Set(findings.read.keys)) {
                let place = FilePath(found)
                let isSame =
                    (try? repository.environment.files.status(place)) == findings.read[repository.real(place)]
                if isSame {
                    values = read(found, "parameters")
                } else {
                    Terminal.printError(
                        "warning: no parameters: \(Terminal.escaped(found)) is not what was read any more")
                }
            }
        } else {
            for file in files { values.merge(read(file, "parameters")) { $1 } }
        }
        Values.replace(with: logged, in: &values)
        for (name, value) in CommandWords.parameters(of: words) { values[name] = value }
        for (name, value) in given { values[name] = value }
        values.merge(earlier) { now, _ in now }
        return values
    }

    /// What a recorded run was told by name (`--param`), as far as its words have that.
    static func earlier(_ run: Run, _ words: [String]) -> [String: ParameterValue] {
        let own = CommandWords.parameters(of: words)
        let told = Set(words.dropFirst().map { $0.split(separator: "=").last.map(String.init) ?? $0 })
        return run.parameters.filter { name, value in own[name] == nil && told.contains(value.text) }
    }

    /// What files say, then what the command itself says, which wins.
    ///
    /// - Parameter hasSucceeded: Else a file that was named need not be there.
    func metrics(
        files: [String], logged: [String: ParameterValue], hasSucceeded: Bool
    ) throws -> [String: ParameterValue] {
        var values = try metrics(files: files, hasSucceeded: hasSucceeded)
        Values.replace(with: logged, in: &values)
        return values
    }

    private func metrics(files: [String], hasSucceeded: Bool) throws -> [String: ParameterValue] {
        if files.isEmpty {
            return found("metrics", among: findings.written).map { read($0, "metrics") } ?? [:]
        }
        let environment = repository.environment
        for file in files where isObserved && hasSucceeded {
            guard !findings.written.contains(repository.real(environment.place(named: file))) else {
                continue
            }
            Terminal.printError(
                "warning: no metrics: \(Terminal.escaped(file)) was not written by the run")
            return [:]
        }
        do { return try Values.gather(pairs: [], files: files) } catch let failure as Failure {
            Terminal.printError("warning: no metrics: \(failure.message)")
            return [:]
        }
    }

    /// A file of that name where the command ran, or at the top of the working copy.
    private func found(_ name: String, among touched: Set<FilePath>) -> String? {
        // Where nobody has seen what was read and written, what lies there may be of another run.
        guard isObserved else { return nil }
        let environment = repository.environment
        for directory in [environment.workingDirectory, repository.copy.root] {
            for suffix in ["yaml", "yml", "json", "toml"] {
                let place = directory / "\(name).\(suffix)"
                guard (try? environment.files.status(place))??.kind == .file else { continue }
                if touched.contains(repository.real(place)) { return "\(place)" }
            }
        }
        return nil
    }

    /// The run has ended: a file that cannot be read is told, and is none.
    private func read(_ file: String, _ what: String) -> [String: ParameterValue] {
        do { return try Values.gather(pairs: [], files: [file]) } catch let failure as Failure {
            Terminal.printError("warning: no \(what): \(failure.message)")
        } catch {
            Terminal.printError("warning: no \(what): \(Terminal.escaped(file)) cannot be read")
        }
        return [:]
    }
}
