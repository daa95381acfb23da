/// What PyTorch's pickle says of the storages beside it, by reading its opcodes
/// (https://github.com/python/cpython/blob/main/Lib/pickletools.py).
///
/// Nothing is unpickled: no name is imported, nothing is called or made; what would be is a value that stands for itself. So a hostile pickle can
/// do nothing but to describe other tensors than there are, which are then cut elsewhere.
enum PickledTensors {
    /// The longest pickle that is looked at, in bytes.
    static let lengthLimit = 16 << 20
    /// How long names become, in bytes, and of how many steps to a tensor.
    private static let (nameLimit, stepLimit) = (PickleReader.textLimit, 1024)

    /// Numbers that tensors are made of, by the key of the member that holds them.
    struct Storage: Equatable {
        let key: [UInt8]
        /// The way to the first tensor that is in it, such as `model.layers.0.weight`.
        let name: [UInt8]
        /// As safetensors spells it.
        let type: String
        /// Of that tensor, in the order of memory, if it is all that the storage holds; else all elements in a row.
        let shape: [Int]
    }

    /// How something was come upon.
    private struct Step {
        /// The number of a node.
        let node: UInt32
        /// The number of the step before this one; the first is its own.
        let origin: UInt32
        let label: PickleReader.Value
    }

    /// The storages that tensors were made of, in the order of these; nothing if the pickle is none.
    static func storages(_ pickle: [UInt8]) -> [Storage]? {
        var machine = PickleReader(pickle)
        guard let root = machine.run() else { return nil }
        guard case .node(let root) = root else { return [] }
        var found: [Storage] = []
        var keys: Set<[UInt8]> = []
        var known: Set<Int> = []
        var seen = [Bool](repeating: false, count: machine.nodes.count)
        // There are fewer steps than opcodes.
        var steps = [Step(node: UInt32(root), origin: 0, label: .other)]
        var waiting: [UInt32] = [0]
        while let number = waiting.popLast() {
            let place = Int(steps[Int(number)].node)
            // What is there twice has the name of the first place.
            if seen[place] { continue }
            seen[place] = true
            let node = machine.nodes[place]
            if let call = TensorCall(node, machine), let storage = machine.storageNumber(call.storage) {
                // What is known needs no second look, which would take long if it is there a million times.
                if known.contains(storage) { continue }
                if let tensor = PickledTensor(call, machine) {
                    known.insert(storage)
                    if keys.insert(tensor.key).inserted {
                        found.append(tensor.storage(name(Int(number), steps, machine)))
                    }
                    continue
                }
            }
            let start = waiting.count
            for (label, member) in machine.members(of: node) where !seen[member] {
                waiting.append(UInt32(steps.count))
                steps.append(Step(node: UInt32(member), origin: number, label: label))
            }
            waiting[start...].reverse()
        }
        return found
    }

    /// The way to something, as far as there is room for it from the inside.
    private static func name(_ number: Int, _ steps: [Step], _ machine: PickleReader) -> [UInt8] {
        var name: [UInt8] = []
        var (next, count) = (number, 0)
        while next != 0, count < stepLimit {
            let part = machine.name(steps[next].label)
            guard name.count + part.count < nameLimit else { break }
            if !part.isEmpty { name = name.isEmpty ? part : part + [UInt8(ascii: ".")] + name }
            next = Int(steps[next].origin)
            count += 1
        }
        return name
    }
}

/// A call of one of PyTorch's functions that make a tensor.
private struct TensorCall {
    let function: String
    /// A storage, an offset, sizes, strides, and so on.
    let arguments: [PickleReader.Value]

    var storage: PickleReader.Value { arguments[0] }

    init?(_ node: PickleReader.Node, _ machine: PickleReader) {
        guard let (function, arguments) = Self.call(node, machine),
            ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"].contains(function),
            arguments.count >= 4
        else { return nil }
        (self.function, self.arguments) = (function, arguments)
    }

    /// A function of `torch._utils`, and its arguments; of the one of `torch._tensor` that makes a subclass of a tensor, what it calls itself.
    private static func call(
        _ node: PickleReader.Node, _ machine: PickleReader
    ) -> (function: String, arguments: [PickleReader.Value])? {
        guard node.kind == .call, let name = machine.global(node.items[0]),
            let arguments = machine.tuple(node.items[1])
        else { return nil }
        switch name {
        case ("torch._utils", _): return (name.member, arguments)
        case ("torch._tensor", "_rebuild_from_type_v2") where arguments.count >= 3:
            guard let inner = machine.global(arguments[0]), inner.module == "torch._utils",
                let arguments = machine.tuple(arguments[2])
            else { return nil }
            return (inner.member, arguments)
        default: return nil
        }
    }
}

/// A tensor as a pickle tells how to make it.
private struct PickledTensor {
    let key: [UInt8]
    private let count: Int
    private let type: NumberType
    private let offset: Int
    private let size: [Int]
    private let stride: [Int]

    init?(_ call: TensorCall, _ machine: PickleReader) {
        let arguments = call.arguments
        guard case .number(let offset) = arguments[1], offset >= 0,
            let storage = machine.storage(arguments[0]), let size = machine.counts(arguments[2]),
            let stride = machine.counts(arguments[3]), size.count == stride.count
        else { return nil }
        var type = Self.type(storage.type)
        if call.function == "_rebuild_tensor_v3", arguments.count >= 7 {
            type = machine.global(arguments[6]).flatMap { Self.type($0.member) }
        }
        guard let type, let width = type.byteCount else { return nil }
        key = storage.key
        // What has no type of its own is measured in bytes.
        count = Self.type(storage.type) == nil ? storage.count / width : storage.count
        (self.type, self.offset, self.size, self.stride) = (type, offset, size, stride)
    }

    func storage(_ name: [UInt8]) -> PickledTensors.Storage {
        PickledTensors.Storage(
            key: key, name: name, type: type.name, shape: (shape ?? [count]) + type.parts)
    }

    /// The dimensions in the order of memory, if the tensor is all that there is.
    private var shape: [Int]? {
        guard offset == 0 else { return nil }
        let dimensions = zip(size, stride).sorted { $0.1 > $1.1 }
        var expected = 1
        for (size, stride) in dimensions.reversed() where size != 1 {
            guard stride == expected else { return nil }
            let (product, isOver) = expected.multipliedReportingOverflow(by: size)
            guard !isOver else { return nil }
            expected = product
        }
        return expected == count ? dimensions.map(\.0) : nil
    }

    /// How elements are numbers.
    private struct NumberType {
        /// As safetensors spells it.
        let name: String
        /// The numbers of an element that has several.
        var parts: [Int] = []

        var byteCount: Int? { TensorEntry.byteCount(of: name, parts) }
    }

    /// A type by the class of its storages, or by its own name.
    private static func type(_ name: String) -> NumberType? {
        switch name {
        case "ComplexFloatStorage", "complex64": NumberType(name: "F32", parts: [2])
        case "ComplexDoubleStorage", "complex128": NumberType(name: "F64", parts: [2])
        default: plainType(name).map { NumberType(name: $0) }
        }
    }

    private static func plainType(_ name: String) -> String? {
        switch name {
        case "FloatStorage", "float32": "F32"
        case "DoubleStorage", "float64": "F64"
        case "HalfStorage", "float16": "F16"
        case "BFloat16Storage", "bfloat16": "BF16"
        case "LongStorage", "int64": "I64"
        case "IntStorage", "int32": "I32"
        case "ShortStorage", "int16": "I16"
        case "CharStorage", "int8": "I8"
        case "ByteStorage", "uint8": "U8"
        case "BoolStorage", "bool": "BOOL"
        case "uint16": "U16"
        case "uint32": "U32"
        case "uint64": "U64"
        case "float8_e4m3fn": "F8_E4M3"
        case "float8_e5m2": "F8_E5M2"
        case "float8_e8m0fnu": "F8_E8M0"
        default: nil
        }
    }
}
