/// Words of other tools that mean another idea here: told, never guessed.
enum Habits {
    static func advice(_ word: String) -> (message: String, hint: String)? {
        switch word {
        case "stash":
            (
                "there is no stash here: nothing is staged, and a branch keeps what you put away",
                "mlrepo branch NAME"
            )
        case "reset": ("nothing here moves a branch back and drops files", "mlrepo checkout REVISION")
        case "rebase": ("history is not rewritten here: the log proves it", "mlrepo log")
        case "login": ("there is no account: a store is a directory", "mlrepo init")
        case "repro":
            (
                "there are no stages to write: a commit records what went in",
                "mlrepo commit --input PATH -m MESSAGE"
            )
        default: nil
        }
    }
}
