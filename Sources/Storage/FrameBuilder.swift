package import Coding
package import ObjectModel

/// An object on its way from one pack into another.
struct PackedObject: Sendable {
    let reference: ObjectReference
    let payload: [UInt8]
    /// The blob, if the object is its recipe.
    let recipeOf: ObjectID?
}

/// Puts small objects together until they are worth a frame.
///
/// One thread at a time.
package struct FrameBuilder: Sendable {
    /// Raw bytes after which a frame of small objects is full.
    package static let target = 1 << 20

    private var raw: [UInt8] = []
    private var objects: [EncodedFrame.Object] = []
    private let frameClass: FrameClass
    /// Gigabytes go by, and time is worth more than bytes.
    package var isQuick = false

    package init(_ frameClass: FrameClass) { self.frameClass = frameClass }

    package var isEmpty: Bool { objects.isEmpty }
    package var rawLength: Int { raw.count }
    package var isFull: Bool { raw.count >= Self.target || objects.count >= FrameHeader.objectLimit }

    /// Whether an object of a length can still be added.
    package func hasRoom(for length: Int) -> Bool {
        isEmpty || (raw.count + length <= FrameHeader.rawLimit && objects.count < FrameHeader.objectLimit)
    }

    /// Adds an object's payload.
    ///
    /// - Parameter recipeOf: The blob, if the object is its recipe.
    package mutating func add(
        _ reference: ObjectReference, _ payload: UnsafeRawBufferPointer, recipeOf: ObjectID? = nil
    ) {
        precondition(FrameClass(reference.kind) == frameClass && hasRoom(for: payload.count))
        objects.append((reference, raw.count, payload.count, recipeOf))
        raw.append(contentsOf: payload)
    }

    package mutating func add(_ reference: ObjectReference, _ payload: [UInt8], recipeOf: ObjectID? = nil) {
        payload.withUnsafeBytes { add(reference, $0, recipeOf: recipeOf) }
    }

    /// What was added, in order.
    var references: [ObjectReference] { objects.map(\.reference) }

    /// Where objects end in the raw bytes, in order.
    var ends: [Int] { objects.map { $0.offset + $0.length } }

    /// The same, with their payloads.
    var contents: [PackedObject] {
        objects.map { object in
            PackedObject(
                reference: object.reference,
                payload: Array(raw[object.offset..<object.offset + object.length]),
                recipeOf: object.recipeOf)
        }
    }

    /// The frame of what was added; the builder is empty again.
    ///
    /// - Parameter base: An object like those of the frame, which lies in the same pack in a frame without a base. It is used
    ///   for metadata, and where it saves something.
    package mutating func finish(
        _ coder: FrameCoder, base: (reference: ObjectReference, payload: [UInt8])? = nil
    ) throws(CodingError) -> EncodedFrame {
        let encoded: (codec: Codec, stored: [UInt8]?)
        switch frameClass {
        case .data: encoded = raw.withUnsafeBytes { coder.encodeData($0, isQuick ? .quick : .thorough) }
        case .metadata: encoded = try Self.encodeMetadata(raw, base?.payload, coder)
        }
        let bases = encoded.codec.hasBase ? base.map { [$0.reference] } ?? [] : []
        return take(encoded.codec, bases, encoded.stored)
    }

    /// The frame of what was added, stored as somebody else encoded it; the builder is empty again.
    mutating func finish(patched stored: [UInt8], upon bases: [ObjectReference]) -> EncodedFrame {
        take(.patch, bases, stored)
    }

    private mutating func take(_ codec: Codec, _ bases: [ObjectReference], _ stored: [UInt8]?) -> EncodedFrame
    {
        let table = FrameTable(
            codec: codec, bases: bases, objects: objects.map { ($0.reference.kind, $0.length) })
        let frame = EncodedFrame(
            codec: codec, frameClass: frameClass, bases: bases, table: table.bytes, stored: stored ?? raw,
            rawLength: raw.count, objects: objects)
        raw.removeAll(keepingCapacity: true)
        objects.removeAll(keepingCapacity: true)
        return frame
    }

    /// Hands out the raw bytes.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { raw.withUnsafeBytes(body) }

    private static func encodeMetadata(
        _ raw: [UInt8], _ base: [UInt8]?, _ coder: FrameCoder
    ) throws(CodingError) -> (codec: Codec, stored: [UInt8]?) {
        let result = raw.withUnsafeBytes { bytes -> Result<(codec: Codec, stored: [UInt8]?), CodingError> in
            do throws(CodingError) { return .success(try coder.encodeMetadata(bytes, base: base)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
