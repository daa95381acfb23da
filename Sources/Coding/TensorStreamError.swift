/// Why a stream of codec 3 or 4 is refused.
enum TensorStreamError: Error {
    /// It ends too early.
    case truncated
    /// A number in its head is out of its range.
    case head
    /// Frequencies that are no model.
    case model
    /// What is coded does not end where it has to.
    case end
}
