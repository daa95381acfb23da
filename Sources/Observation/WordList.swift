#if os(Linux)
    internal import Glibc

    /// Words as C takes them: an array of texts that ends with NULL.
    struct WordList {
        private let words: [[UInt8]]

        init(_ words: [[UInt8]]) { self.words = words }

        /// - Parameter body: What it is given is gone when it returns.
        func withPointers<Result>(
            _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
        ) -> Result {
            var pointers: [UnsafeMutablePointer<CChar>?] = words.map { word in
                strdup(word.map { CChar(bitPattern: $0) } + [0])
            }
            pointers.append(nil)
            defer { for pointer in pointers { free(pointer) } }
            return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
#endif
