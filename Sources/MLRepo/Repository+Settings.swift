internal import FileIO
internal import ObjectModel

/// A setting that something reads.
package enum Setting: String, CaseIterable, Sendable {
    case userName = "user.name"
    case userEmail = "user.email"
    case signingKey = "user.signingKey"
    case signsCommits = "commit.sign"
    case signsTags = "tag.sign"
    case signsLog = "log.sign"
    case allowedSigners = "identity.allowedSigners"

    package var explanation: String {
        switch self {
        case .userName:
            "who commits; MLREPO_USER_NAME comes before, git's user.name and the account's name after it"
        case .userEmail: "their address; MLREPO_USER_EMAIL comes before, git's user.email after it"
        case .signingKey: "the file of the SSH key that signs; mlrepo help identity"
        case .signsCommits: "true signs each commit"
        case .signsTags: "true signs each tag"
        case .signsLog: "true signs each entry of the log, here and in stores that one pushes to"
        case .allowedSigners: "a file of trusted keys, as of ssh-keygen, beside those of 'identity trust'"
        }
    }
}

extension Setting {
    /// Whether it is `true` or `false`.
    var isSwitch: Bool { [.signsCommits, .signsTags, .signsLog].contains(self) }
}

extension Configuration {
    /// Whether a setting that is `true` or `false` is `true`.
    func isOn(_ setting: Setting) throws(RepositoryError) -> Bool {
        switch self[setting.rawValue] {
        case nil, "false"?: return false
        case "true"?: return true
        case let value?:
            throw .badConfiguration(
                "\(setting.rawValue) is true or false, and not '\(escapedText(Array(value.utf8)))'")
        }
    }
}

extension Repository {
    /// Gives a setting of this working copy another value.
    ///
    /// - Parameter value: Nothing to take it out.
    /// - Throws: ``RepositoryError/badConfiguration(_:)`` if the value cannot be written in a line of settings.
    package func set(_ setting: Setting, to value: String?) throws(RepositoryError) {
        if let value,
            Configuration("\(setting.rawValue) = \(value)")[setting.rawValue] != value || value.isEmpty
        {
            throw .badConfiguration(
                "a setting is one line, without '#' and without spaces at its ends or in a row")
        }
        if let value, setting.isSwitch, !["true", "false"].contains(value) {
            throw .badConfiguration("\(setting.rawValue) is true or false")
        }
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        try copy.setConfiguration(
            Array(Configuration.text(text, setting: setting.rawValue, to: value).utf8))
    }
}
