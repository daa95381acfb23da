import ObjectModel
import TestSupport
import Testing

@testable import Governance

@Suite struct SSHSignatureTests {
    private static func vector(_ name: String) throws -> (key: SSHPublicKey, signature: SSHSignature) {
        let made = try #require(Vectors.made[name])
        return (try SSHPublicKey(line: made.key), try SSHSignature(armored: made.signature))
    }

    @Test(arguments: Vectors.made.keys.sorted())
    func whatOpenSSHMadeIsGenuine(_ name: String) throws {
        let (key, signature) = try Self.vector(name)
        #expect(signature.key == key)
        #expect(signature.namespace == Vectors.namespace)
        #expect(key.line == Vectors.made[name]?.key)
        // Nobody touched that one, which OpenSSH's servers ask for.
        #expect(signature.isGenuine(over: Vectors.message) == (name != "hardwareUntouched"))
        #expect(!signature.isGenuine(over: Vectors.message + [0]))
        #expect(!signature.isGenuine(over: []))
    }

    @Test func fingerprintsAreThoseThatOpenSSHPrints() throws {
        let prints = [
            "ed25519": "SHA256:G89J5M9jU0BsTB7Od2YWhA3rO5vPUmSwdmIc1lCh7TI",
            "certificate": "SHA256:G89J5M9jU0BsTB7Od2YWhA3rO5vPUmSwdmIc1lCh7TI",
            "rsa": "SHA256:U3ZMgJvPnjuLgFfRf259qCIAenC9IIWB8mYg+Sgr30Q",
            "hardware": "SHA256:ESCnHnMCNkrH0YVrFi1FrDDEMOOC18IW1hoBrozhkMc",
        ]
        for (name, print) in prints { #expect(try Self.vector(name).key.fingerprint == print) }
    }

    @Test(arguments: Vectors.made.keys.sorted())
    func noChangedByteMakesAnotherGenuineSignature(_ name: String) throws {
        let made = try #require(Vectors.made[name])
        let lines = made.signature.split(separator: "\n")
        let blob = try #require(Base64.decode(lines.dropFirst().dropLast().joined()))
        let signature = try SSHSignature(blob: blob)
        var generator = SplitMix64(seed: UInt64(name.utf8.count))
        for place in blob.indices {
            var changed = blob
            changed[place] ^= UInt8(truncatingIfNeeded: generator.next() | 1)
            guard changed[place] != blob[place], let other = try? SSHSignature(blob: changed) else {
                continue
            }
            // What is reserved is not signed, as in OpenSSH; what a certificate says its authority signed.
            let isCertified = other.key.certificate?.isGenuine ?? true
            let isGenuine = other.isGenuine(over: Vectors.message) && isCertified
            #expect(!isGenuine || other == signature, "\(name), byte \(place)")
        }
        for length in blob.indices {
            #expect(throws: MalformedTrust.self) { try SSHSignature(blob: Array(blob[..<length])) }
        }
        #expect(throws: MalformedTrust.self) { try SSHSignature(blob: blob + [0]) }
    }

    @Test func signaturesOfOneKeyAreNotThoseOfAnother() throws {
        let names = Vectors.made.keys.filter { $0 != "hardwareUntouched" }.sorted()
        for name in names {
            let signature = try Self.vector(name).signature
            for other in names {
                let key = try Self.vector(other).key
                let isSame = key.plain == signature.key.plain
                #expect(signature.isGenuine(over: Vectors.message, by: SignatureCheck(key)) == isSame)
            }
        }
    }

    @Test func certificatesSayWhatTheySay() throws {
        let (key, _) = try Self.vector("certificate")
        let certificate = try #require(key.certificate)
        #expect(certificate.isGenuine)
        #expect(certificate.principals == ["ada@example.com"])
        #expect(certificate.keyID == "ada")
        #expect(try certificate.authority == Self.vector("ca").key)
        #expect(try certificate.key == Self.vector("ed25519").key)
        let (first, last) = (1_767_225_600, 1_798_761_600)
        #expect(
            [first - 1, first, last - 1, last].map { certificate.isValid(at: $0) } == [
                false, true, true, false,
            ])
        // Of each byte that is changed something else is said, by nobody.
        for place in key.blob.indices {
            var changed = key.blob
            changed[place] ^= 1
            guard let other = (try? SSHPublicKey(blob: changed))?.certificate else { continue }
            #expect(!other.isGenuine, "byte \(place)")
        }
    }

    @Test func malformedKeysAreRefusedWithTheirPlace() throws {
        for (line, what) in [
            ("", "the key"), ("ssh-ed25519", "the key"), ("ssh-ed25519 A", "the key"),
            ("ssh-ed25519 AAAA", "the length of the key's type"),
            ("ssh-dss AAAAB3NzaC1kc3MAAAAA", "the key's type"),
            ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAwEAAQ==", "the key's numbers"),
            ("ssh-rsa \(try Self.vector("ed25519").key.line.split(separator: " ")[1])", "the key's type"),
        ] {
            do {
                _ = try SSHPublicKey(line: line)
                Issue.record("'\(line)' is taken for a key")
            } catch { #expect(error.what == what, "\(line)") }
        }
        #expect(throws: MalformedTrust.self) {
            try SSHPublicKey(blob: [UInt8](repeating: 0, count: SSHPublicKey.byteLimit + 1))
        }
    }

    @Test(arguments: 0..<8) func noBytesMakeTheReadersTrap(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let blobs = try Vectors.made.keys.sorted().map { try Self.vector($0) }
            .flatMap { [$0.key.blob, $0.signature.signature] }
        for _ in 0..<500 {
            var bytes = blobs[Int(generator.next() % UInt64(blobs.count))]
            for _ in 0..<(1 + generator.next() % 4) {
                let place = Int(generator.next() % UInt64(bytes.count))
                bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            }
            if generator.next() % 4 == 0 { bytes.removeLast(Int(generator.next() % UInt64(bytes.count))) }
            if let key = try? SSHPublicKey(blob: bytes) {
                _ = SignatureCheck(key).accepts(bytes, of: bytes)
                _ = key.fingerprint
            }
            _ = try? SSHSignature(blob: bytes)
        }
    }
}
