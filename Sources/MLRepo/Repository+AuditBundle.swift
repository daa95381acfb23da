internal import FileIO
internal import Governance
internal import Hashing
package import ObjectModel
internal import Storage
internal import Synchronization

/// What an audit bundle holds.
package struct AuditBundleReport: Sendable {
    package var commits = 0
    package var objects = 0
    package var entries = 0
    package var signatures = 0
    /// Whether whoever made it signed it.
    package var isSigned = false
    package var head: LogHead
}

extension Repository {
    /// Writes versions, and what proves where they came from, into a directory that is verified without this program.
    ///
    /// - Parameters:
    ///   - tips: The versions whose files are listed; commits and runs before them go along.
    ///   - name: A directory that is not there.
    ///   - remote: The store whose log proves it, and whose policies go along; nothing for this one.
    ///   - isSigned: Whether the bundle and the log's head are signed by whoever works here.
    package func writeAuditBundle(
        of tips: [ObjectID], to name: [UInt8], by remote: Remote? = nil, signing isSigned: Bool
    ) throws(RepositoryError) -> AuditBundleReport {
        let target = environment.workingDirectory.appending(name).normalized
        guard try !Self.exists(target, environment.files) else { throw .refExists("\(target)") }
        // What is there has its name only when all of it is.
        let place = target.parent.appending(
            target.name + Array(".part-\(Hex.text(environment.random(4)))".utf8))
        TemporaryFiles.note(directory: place)
        defer {
            POSIXFileSystem().removeAll(place)
            TemporaryFiles.forget(directory: place)
        }
        var bundle = AuditBundle(place: place, files: environment.files)
        let audited = try auditedLog(of: remote)
        var report = AuditBundleReport(head: audited.head)
        try add(tips, to: &bundle, &report)
        try addPolicies(of: audited, to: &bundle)
        let statements = bundle.references.filter { $0.kind == .statement }
        report.signatures = statements.count
        try addEntries(of: audited, to: &bundle, &report, signing: isSigned)
        try bundle.add("allowed_signers", Array(trustedLines().utf8))
        let maker = person?.email ?? ""
        let facts = JSONValue.object([
            "commits": .array(tips.map { .string($0.hex) }), "maker": .string(maker),
            "origin": .string(report.head.origin), "time": .integer(environment.now()),
        ])
        try bundle.add("bundle.json", facts.canonicalBytes + [0x0a])
        try bundle.add("VERIFY.md", Array(AuditBundleTexts.guide.utf8))
        try bundle.add("verify.py", Array(AuditBundleTexts.verifier.utf8))
        let sums = bundle.sums
        try bundle.write("SHA256SUMS", sums)
        if isSigned, let person {
            let signature = try keys.sign(sums, for: "mlrepo.bundle", as: person)
            try bundle.write("SHA256SUMS.sig", Array(signature.utf8))
            report.isSigned = true
        }
        report.objects = bundle.objects
        try filing { () throws(FileError) in try environment.files.rename(place, to: target) }
        return report
    }

    /// Adds commits with all before them, their runs, the trees and lists of files of the last ones, and what people say of them.
    private func add(
        _ tips: [ObjectID], to bundle: inout AuditBundle, _ report: inout AuditBundleReport
    ) throws(RepositoryError) {
        var commits: [ObjectID] = []
        var runs: Set<ObjectID> = []
        try history(of: tips) { id, commit in
            commits.append(id)
            runs.formUnion(commit.runs)
            return true
        }
        report.commits = commits.count
        var subjects =
            commits.map { ObjectReference(.commit, $0) } + runs.sorted().map { ObjectReference(.run, $0) }
        for subject in subjects { try bundle.add(subject, from: store) }
        for subject in subjects {
            for statement in try statementNames(of: subject) {
                subjects.append(ObjectReference(.statement, statement.id))
                try bundle.add(ObjectReference(.statement, statement.id), from: store)
            }
        }
        for tip in Set(tips).sorted() {
            let commit = try reading { () throws(ReadError) in try store.commit(tip) }
            let nodes = NotingReader(store)
            var lines: [UInt8] = []
            try reading { () throws(ReadError) in
                try DirectoryTree(root: commit.tree, reader: nodes).forEachFile { path, entry in
                    guard [.file, .executable].contains(entry.mode) else { return }
                    lines += AuditBundle.sumLine(entry.id, path.bytes)
                }
            }
            for id in nodes.noted { try bundle.add(ObjectReference(.tree, id), from: store) }
            try bundle.add("files/\(tip.hex).sha256", lines)
        }
    }

    /// Adds all policies that were in force, and the signatures of those who changed them.
    private func addPolicies(
        of audited: AuditedLog, to bundle: inout AuditBundle
    ) throws(RepositoryError) {
        let refs = MerkleTree<RefEntry>(root: audited.state.refs, reader: audited.objects)
        let found = try reading { () throws(ReadError) in
            var found: [RefEntry] = []
            try refs.forEachLeaf(beginning: Array(RefName.policies.utf8)) { found.append($0) }
            return found
        }
        for entry in found {
            guard let version = entry.name.policyVersion else { continue }
            let document = try reading { () throws(ReadError) in
                try audited.objects.required(.blob, entry.target.id)
            }
            try bundle.add("policies/\(version).json", document)
            let prefix = "statements/policy/blob/\(entry.target.id.hex)/"
            let statements = try reading { () throws(ReadError) in
                var statements: [RefEntry] = []
                try refs.forEachLeaf(beginning: Array(prefix.utf8)) { statements.append($0) }
                return statements
            }
            for statement in statements { try bundle.add(statement.target, from: audited.objects) }
            bundle.note(entry.target)
        }
    }

    /// Adds the entries that moved branches and tags to a commit of the bundle, or brought what somebody says of one, each with its
    /// operation and its proof; and the head that they are proved by.
    private func addEntries(
        of audited: AuditedLog, to bundle: inout AuditBundle, _ report: inout AuditBundleReport,
        signing isSigned: Bool
    ) throws(RepositoryError) {
        let wanted = bundle.references
        var numbers: [(number: Int, event: ObjectID)] = []
        try audit(
            audited,
            where: { _, event in
                event?.refs.contains { change in
                    guard let after = change.after, wanted.contains(after) else { return false }
                    return ["branches", "tags", "statements", "policies"].contains {
                        change.name.name(in: $0) != nil
                    }
                } ?? false
            }
        ) { numbers.append(($0.number, $0.eventID)) }
        var hashes = LogHashes(audited.log)
        let size = audited.head.size
        for (number, event) in numbers {
            let (leaf, path) = try audited.call { () throws(StoreError) in
                (try audited.log.leaf(number), try hashes.inclusion(of: number, in: size))
            }
            let fact = LogProof.Fact.entry(
                InclusionProof(index: number, size: size, hashes: path), leaf: leaf)
            try bundle.add(
                "proofs/\(number).tlog-proof", LogProof(fact, head: audited.head, signatures: []).bytes)
            try bundle.add(ObjectReference(.event, event), from: audited.objects)
        }
        // Who saw that head, and who works here.
        let kept = try audited.call { () throws(StoreError) in
            try audited.log.heads(of: audited.origin, limit: SignedNote.signatureLimit)
        }
        var signatures: [NoteSignature] = []
        for file in kept where file.name.size == size {
            guard let note = file.note, note.text == audited.head.note else {
                continue
            }
            signatures += note.signatures.filter { HeadSignature($0) != nil && !signatures.contains($0) }
        }
        if isSigned { signatures.append(try sign(audited.head).note) }
        try bundle.add("head", SignedNote(text: audited.head.note, signatures: signatures).bytes)
        report.entries = numbers.count
        report.head = audited.head
    }
}

/// The files of an audit bundle, as they come.
private struct AuditBundle {
    let place: FilePath
    let files: any FileSystem
    private(set) var references: Set<ObjectReference> = []
    /// How many objects there are under their ids.
    private(set) var objects = 0
    private var lines: [(name: String, line: [UInt8])] = []

    init(place: FilePath, files: any FileSystem) { (self.place, self.files) = (place, files) }

    /// What `sha256sum` writes of the files.
    var sums: [UInt8] { lines.sorted { $0.name < $1.name }.flatMap(\.line) }

    /// A line as `sha256sum` writes it: a name with a line feed has a backslash before the line.
    static func sumLine(_ id: ObjectID, _ name: [UInt8]) -> [UInt8] {
        var quoted: [UInt8] = []
        for byte in name {
            switch byte {
            case UInt8(ascii: "\\"): quoted += Array("\\\\".utf8)
            case 0x0a: quoted += Array("\\n".utf8)
            case 0x0d: quoted += Array("\\r".utf8)
            default: quoted.append(byte)
            }
        }
        let start = quoted.count == name.count ? "" : "\\"
        return Array("\(start)\(id.hex)  ".utf8) + quoted + [0x0a]
    }

    mutating func add(_ reference: ObjectReference, from store: ObjectStore) throws(RepositoryError) {
        guard !references.contains(reference) else { return }
        let payload = try reading { () throws(ReadError) in try store.required(reference.kind, reference.id) }
        try add("objects/\(reference.kind.name)/\(reference.id.hex)", payload)
        references.insert(reference)
        objects += 1
    }

    /// Counts an object among those of the bundle that is there under another name.
    mutating func note(_ reference: ObjectReference) { references.insert(reference) }

    /// Adds a file that is counted among those that must not change.
    mutating func add(_ name: String, _ bytes: [UInt8]) throws(RepositoryError) {
        try write(name, bytes)
        lines.append((name, Self.sumLine(ObjectID(of: .blob, payload: bytes), Array(name.utf8))))
    }

    func write(_ name: String, _ bytes: [UInt8]) throws(RepositoryError) {
        try filing { () throws(FileError) in
            let path = place.appending(Array(name.utf8))
            try files.makeDirectories(path.parent, permissions: 0o777)
            let file = try files.create(path, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, bytes)
            try files.synchronize(file)
        }
    }
}

/// Notes which directories were read.
private final class NotingReader: ObjectReader {
    private let reader: any ObjectReader
    private let found = Mutex<Set<ObjectID>>([])

    init(_ reader: any ObjectReader) { self.reader = reader }

    var noted: [ObjectID] { found.withLock { $0.sorted() } }

    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        if reference.kind == .tree { found.withLock { _ = $0.insert(reference.id) } }
        return try reader.payload(of: reference)
    }
}
