internal import FileIO
internal import ObjectModel

/// What a run records of the machine and of what is installed there, beyond ``MachineFacts``.
enum RunEnvironment {
    /// Variables that change what a training does, and hold no secrets.
    private static let variables = [
        "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "JAX_PLATFORMS", "LANG",
        "LC_ALL",
        "LOCAL_RANK", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED", "RANK", "ROCR_VISIBLE_DEVICES", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID",
        "SLURM_JOB_ID", "SLURM_PROCID", "TF_DETERMINISTIC_OPS", "TOKENIZERS_PARALLELISM", "TZ", "WORLD_SIZE",
        "XLA_FLAGS",
    ]

    /// Those of ``variables`` that tell where something ran, and not how, or that have files written: a repetition has its own.
    private static let places: Set<String> = [
        "CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "RANK", "ROCR_VISIBLE_DEVICES", "SLURM_ARRAY_JOB_ID",
        "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "SLURM_PROCID", "WORLD_SIZE", "XLA_FLAGS",
    ]

    /// Whether a command only waits for what somebody types: an interpreter without a program, or the one of a notebook.
    static func isInteractive(_ arguments: [[UInt8]]) -> Bool {
        let words = arguments.map { String(decoding: $0, as: UTF8.self) }
        if words.contains(where: { $0.hasPrefix("ipykernel") || $0.contains("/ipykernel") }) { return true }
        let program = FilePath(arguments.first ?? []).name
        guard program.starts(with: "python".utf8) || program.starts(with: "ipython".utf8) else {
            return false
        }
        return words.dropFirst().allSatisfy {
            $0.hasPrefix("-") && !$0.hasPrefix("-c") && !$0.hasPrefix("-m")
        }
    }

    /// Whether a fact is a variable of that kind.
    static func isPlace(_ fact: String) -> Bool {
        fact.hasPrefix("variable.") && places.contains(String(fact.dropFirst(9)))
    }

    /// The variables of a run that has to have them again, with their values; nothing for one that was not set.
    ///
    /// No others, whatever a record says: there are variables that make programs execute something else.
    static func settings(of run: Run) -> [(name: String, value: String?)] {
        variables.filter { !places.contains($0) }.map { name in
            guard case .string(let value)? = run.environment["variable.\(name)"] else { return (name, nil) }
            return (name, value)
        }
    }

    static func facts(_ environment: Environment) -> [String: JSONValue] {
        var facts = MachineFacts.read()
        for name in variables {
            if let value = environment.variable(name), String(validating: value.utf8, as: UTF8.self) != nil {
                facts["variable.\(name)"] = .string(value)
            }
        }
        let files = environment.files
        if let text = text("/etc/os-release", files),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("PRETTY_NAME=") })
        {
            facts["distribution"] = .string(line.dropFirst(12).filter { $0 != "\"" })
        }
        if let text = text("/proc/cpuinfo", files),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("model name") }),
            let colon = line.firstIndex(of: ":")
        {
            facts["processor"] = .string(String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        for (name, value) in gpus(files) { facts[name] = value }
        if let value = container(environment) { facts["container"] = .string(value) }
        return facts
    }

    /// Cards and driver, as the driver's own files tell them.
    private static func gpus(_ files: any FileSystem) -> [String: JSONValue] {
        guard let version = text("/proc/driver/nvidia/version", files) else { return [:] }
        var facts: [String: JSONValue] = [:]
        let words = version.split(separator: "\n").first?.split(separator: " ") ?? []
        if let number = words.first(where: { $0.first?.isNumber == true && $0.contains(".") }) {
            facts["gpuDriver"] = .string(String(number))
        }
        let directory = FilePath("/proc/driver/nvidia/gpus")
        var names: [String] = []
        for card in (try? files.names(in: directory)) ?? [] {
            let text = text((directory.appending(card) / "information").description, files) ?? ""
            if let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Model:") }) {
                names.append(String(line.dropFirst(6).drop { $0 == " " || $0 == "\t" }))
            }
        }
        if !names.isEmpty { facts["gpus"] = .string(names.sorted().joined(separator: ", ")) }
        return facts
    }

    /// Which kind of container this is, with its image where it says so.
    private static func container(_ environment: Environment) -> String? {
        let files = environment.files
        if let text = text("/run/.containerenv", files) {
            let image = text.split(separator: "\n").first { $0.hasPrefix("image=") }
            return image.map { "podman \($0.dropFirst(6).filter { $0 != "\"" })" } ?? "podman"
        }
        for name in ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"] {
            if let image = environment.variable(name) {
                return "apptainer \(Repository.withoutPassword(image))"
            }
        }
        return ((try? files.status(FilePath("/.dockerenv"))) ?? nil) == nil ? nil : "docker"
    }

    private static func text(_ path: String, _ files: any FileSystem) -> String? {
        guard let file = try? files.open(FilePath(path)) else { return nil }
        defer { files.close(file) }
        // Files of the kernel have no size.
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        guard let count = try? files.read(file, filling: &bytes, at: 0) else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The version of an interpreter that a command used, as that says it.
    static func version(of interpreter: FilePath) -> String? {
        let output = Subprocess.output(
            [interpreter.description, "-I", "-V"], variables: Subprocess.variables, limit: 1024)
        guard let output, let text = String(validating: output, as: UTF8.self), text.hasPrefix("Python ")
        else {
            return nil
        }
        return String(text.dropFirst(7).prefix { !$0.isWhitespace })
    }

    /// Where an interpreter looks for packages, as that says it.
    static func packageDirectories(of interpreter: FilePath) -> Set<FilePath> {
        let question =
            "import site; print('\\n'.join([*site.getsitepackages(), site.getusersitepackages()]), end='')"
        let output = Subprocess.output(
            [interpreter.description, "-I", "-c", question], variables: Subprocess.variables, limit: 1 << 16)
        return Set((output ?? []).split(separator: 0x0a).map { FilePath(Array($0)) })
    }

    /// The packages that lie in some directories: `name==version`, in order.
    static func packages(in directories: Set<FilePath>, _ files: any FileSystem) -> [String] {
        var found: Set<String> = []
        for directory in directories {
            for name in (try? files.names(in: directory)) ?? [] {
                let text = String(decoding: name, as: UTF8.self)
                for suffix in [".dist-info", ".egg-info"] where text.hasSuffix(suffix) {
                    let parts = text.dropLast(suffix.count).split(separator: "-")
                    if parts.count >= 2 { found.insert("\(parts[0])==\(parts[1])") }
                }
            }
        }
        return found.sorted()
    }
}
