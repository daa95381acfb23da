import ObjectModel

extension ParameterValue {
    /// What an error calls a value of this kind.
    var kindInWords: String {
        switch self {
        case .integer: "an integer"
        case .float: "a decimal number"
        case .bool: "a truth value"
        case .string: "a string"
        case .null: "nothing"
        case .list: "a list"
        case .map: "a map"
        }
    }
}
