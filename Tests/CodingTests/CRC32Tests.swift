import TestSupport
import Testing

@testable import Coding

@Suite struct CRC32Tests {
    @Test func `the check value of ISO-HDLC`() {
        #expect(CRC32.of(Array("123456789".utf8)) == 0xcbf4_3926)
        #expect(CRC32.of([]) == 0)
    }

    @Test func `sums of any length, from any byte on and in parts, are those of zlib`() {
        var random = SplitMix64(seed: 32)
        let bytes = random.bytes(5000)
        bytes.withUnsafeBytes { bytes in
            for length in Array(0..<400) + [1000, 4096, 4999] {
                let start = length % 17 % (bytes.count - length + 1)
                let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
                let sum = CRC32.of(part)
                #expect(sum == CRC32.byZlib(part), "\(length) bytes")
                let cut = length == 0 ? 0 : Int.random(in: 0..<length, using: &random)
                let first = CRC32.of(UnsafeRawBufferPointer(rebasing: part[..<cut]))
                let all = CRC32.of(UnsafeRawBufferPointer(rebasing: part[cut...]), continuing: first)
                #expect(all == sum, "\(length) bytes, cut at \(cut)")
            }
        }
    }
}
