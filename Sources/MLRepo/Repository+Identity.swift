internal import FileIO
package import Governance
internal import ObjectModel

extension Repository {
    // MARK: The own key

    /// The key that signs, if there is one.
    ///
    /// - Throws: ``RepositoryError/badConfiguration(_:)`` if one is named that cannot be read.
    package func findSigningKey() throws(RepositoryError) -> SigningKey? { try keys.find() }

    /// The key that a text names.
    ///
    /// - Parameter origin: Where the text stands.
    package func signingKey(_ text: String, _ origin: String) throws(RepositoryError) -> SigningKey {
        try SigningKeys.key(text, origin, environment, copy)
    }

    // MARK: Keys of others

    /// Where it is written whose keys are trusted.
    package enum TrustPlace: Sendable {
        /// In this working copy.
        case here
        /// In the person's own settings, for all working copies.
        case everywhere
    }

    /// The file that says whose keys are trusted; nothing for a person without a home.
    ///
    /// Files of a bare store are anybody's who may push there.
    func trustFile(_ place: TrustPlace) -> FilePath? {
        if place == .here { return copy.isBare ? nil : copy.directory / "allowed_signers" }
        func named(_ variable: String) -> FilePath? {
            environment.variable(variable).flatMap { $0.hasPrefix("/") ? FilePath($0) : nil }
        }
        let settings = named("XDG_CONFIG_HOME") ?? named("HOME").map { $0 / ".config" }
        return settings.map { $0 / "mlrepo/allowed_signers" }
    }

    /// The keys that are trusted here.
    package func allowedSigners() throws(RepositoryError) -> AllowedSigners {
        var all = AllowedSigners()
        for place in [TrustPlace.here, .everywhere] {
            if let file = trustFile(place) { all.add(try allowedSigners(in: file)) }
        }
        if !copy.isBare, let named = configuration[Setting.allowedSigners.rawValue] {
            let path = SigningKeys.place(named, environment, copy)
            guard try Self.exists(path, environment.files) else {
                throw .badConfiguration(
                    "there is no file \(path), which \(Setting.allowedSigners.rawValue) names")
            }
            all.add(try allowedSigners(in: path))
        }
        return all
    }

    /// All that the files of trusted keys say, as ssh-keygen reads it.
    func trustedLines() throws(RepositoryError) -> String {
        var files = [TrustPlace.here, .everywhere].compactMap { trustFile($0) }
        if !copy.isBare, let named = configuration[Setting.allowedSigners.rawValue] {
            files.append(SigningKeys.place(named, environment, copy))
        }
        var text = ""
        for file in files {
            // What cannot be read is told.
            _ = try allowedSigners(in: file)
            let bytes = try filing { () throws(FileError) in
                try environment.files.contentsIfPresent(file, limit: AllowedSigners.byteLimit)
            }
            text += String(decoding: bytes ?? [], as: UTF8.self)
            if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        }
        return text
    }

    private func allowedSigners(in path: FilePath) throws(RepositoryError) -> AllowedSigners {
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(path, limit: AllowedSigners.byteLimit)
        }
        guard let text = String(validating: bytes ?? [], as: UTF8.self) else {
            throw .damaged(path, "it is not UTF-8")
        }
        do throws(MalformedTrust) { return try AllowedSigners(text, localTime: PointInTime.local) } catch {
            throw .damaged(path, "\(error)")
        }
    }

    /// Trusts a key; what was said of it for that person before holds no more.
    ///
    /// - Parameters:
    ///   - principal: An address, or a pattern of addresses.
    ///   - isAuthority: It is no key of theirs, and signs certificates for these.
    ///   - from: A time as people write it; nothing for what was signed at any time before.
    ///   - until: The same; nothing for ever.
    package func trust(
        _ key: SSHPublicKey, of principal: String, isAuthority: Bool, from: String?, until: String?,
        in place: TrustPlace
    ) throws(RepositoryError) {
        guard !principal.isEmpty,
            principal.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x22 && $0 != 0x23 })
        else { throw .badConfiguration("whose key it is says an address, as ada@example.com") }
        // The last second counts as a whole: what comes from now on is not to.
        let isNow = until == "now"
        let times = (try stamp(from), try stamp(until, isNow ? 1 : 0))
        let line = AllowedSigners.line(key, of: principal, isAuthority: isAuthority, times: times)
        try changeTrust(in: place) { lines in
            let others = lines.filter { line in
                let signer = (try? AllowedSigners(line, localTime: PointInTime.local))?.signers.first
                return signer?.principals != principal || signer?.key != key
            }
            return others + [line]
        }
    }

    /// A time as files of trusted keys have it.
    ///
    /// - Parameter before: So many seconds earlier.
    private func stamp(_ text: String?, _ before: Int = 0) throws(RepositoryError) -> String? {
        guard let text else { return nil }
        guard let seconds = PointInTime.seconds(text, now: environment.now()), seconds >= 0 else {
            throw .badConfiguration(
                "'\(escapedText(text.utf8))' is no time: 2026-11-23, 2026-11-23T10:20Z or now")
        }
        return PointInTime.text(max(0, seconds - before)).filter { !"-:T".contains($0) }
    }

    /// Trusts keys no more.
    ///
    /// - Parameter isGone: Says which.
    /// - Returns: How many lines went.
    package func untrust(
        in place: TrustPlace, _ isGone: (AllowedSigners.Signer) -> Bool
    ) throws(RepositoryError) -> Int {
        var count = 0
        try changeTrust(in: place) { lines in
            lines.filter { line in
                let signers = try? AllowedSigners(line, localTime: PointInTime.local).signers
                let goes = signers?.first.map(isGone) ?? false
                count += goes ? 1 : 0
                return !goes
            }
        }
        return count
    }

    private func changeTrust(
        in place: TrustPlace, _ change: ([String]) -> [String]
    ) throws(RepositoryError) {
        guard let file = trustFile(place) else {
            if place == .here {
                throw .badConfiguration(
                    "a bare store is everybody's: trust is said in a working copy, or with --global")
            }
            throw .badConfiguration(
                "there is no home directory (HOME), so that nothing is trusted everywhere")
        }
        // What cannot be read is not written again.
        _ = try allowedSigners(in: file)
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(file, limit: AllowedSigners.byteLimit)
        }
        var lines = String(decoding: bytes ?? [], as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        let text = Array(change(lines).map { $0 + "\n" }.joined().utf8)
        if place == .here { return try copy.setTrust(text) }
        try filing { () throws(FileError) in
            let files = environment.files
            try files.makeDirectories(file.parent, permissions: 0o700)
            let temporary = file.suffixed(".tmp-\(Hex.text(environment.random(8)))")
            defer { TemporaryFiles.forget(temporary) }
            let new = try TemporaryFiles.making(temporary) { () throws(FileError) in
                try files.create(temporary, permissions: 0o600)
            }
            do throws(FileError) {
                defer { files.close(new) }
                try files.write(new, text)
                try files.synchronize(new)
                try files.rename(temporary, to: file)
            } catch {
                try? files.removeIfPresent(temporary)
                throw error
            }
        }
    }
}
