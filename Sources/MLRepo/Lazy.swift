internal import Synchronization

/// A value that is computed when somebody asks for it first.
final class Lazy<Value: Sendable>: Sendable {
    private let computed = Mutex<Value?>(nil)
    private let compute: @Sendable () -> Value

    init(_ compute: @escaping @Sendable () -> Value) { self.compute = compute }

    var value: Value {
        computed.withLock { computed in
            let value = computed ?? compute()
            computed = value
            return value
        }
    }
}
