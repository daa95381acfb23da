internal import ArgumentParser

/// What a shell offers where something is to be typed.
enum Completions {
    /// Names of branches and tags.
    static let revision = CompletionKind.shellCommand(
        "{ mlrepo branch; mlrepo tag; } 2>/dev/null | cut -c3- | cut -d' ' -f1")
}
