internal import CSQLite

/// One connection to an SQLite database, which ends with this value.
///
/// Texts are bound and read as BLOBs: they are compared byte by byte, may hold NUL, and SQLite never takes one for a number.
struct Database: ~Copyable {
    private let handle: OpaquePointer

    /// - Parameter path: nil for a database in memory.
    init(at path: [UInt8]?) throws(CatalogueError) { handle = try Self.open(path) }

    private static func open(_ path: [UInt8]?) throws(CatalogueError) -> OpaquePointer {
        var opened: OpaquePointer?
        var name = path ?? Array(":memory:".utf8)
        // ":memory:" and "file:…" would mean something else than a file.
        if let path, path.first != UInt8(ascii: "/") { name = Array("./".utf8) + path }
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = (name + [0]).withUnsafeBufferPointer { bytes in
            // The bytes end with NUL, and SQLite copies them.
            bytes.withMemoryRebound(to: CChar.self) { sqlite3_open_v2($0.baseAddress, &opened, flags, nil) }
        }
        guard let opened else { throw .failed(code: code, words: "out of memory") }
        do throws(CatalogueError) {
            guard code == SQLITE_OK else { throw failure(code, opened) }
            try configure(opened)
        } catch {
            sqlite3_close_v2(opened)
            throw error
        }
        return opened
    }

    private static func configure(_ handle: OpaquePointer) throws(CatalogueError) {
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, Catalogue.patience)
        // What a file of another says is neither executed nor believed.
        for (option, value) in [
            (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
            (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0), (SQLITE_DBCONFIG_ENABLE_VIEW, 0),
        ] as [(Int32, Int32)] {
            let code = mlrepo_sqlite_configure(handle, option, value)
            guard code == SQLITE_OK else { throw failure(code, handle) }
        }
        for pragma in [
            // Not as a map in memory: a file that is truncated meanwhile would be a signal, not an error.
            "mmap_size = 0",
            "cell_size_check = 1",
            "temp_store = MEMORY",
            // 128 MiB at most: pages that adding many rows comes back to.
            "cache_size = -131072",
        ] {
            let code = sqlite3_exec(handle, "PRAGMA \(pragma)", nil, nil, nil)
            guard code == SQLITE_OK else { throw failure(code, handle) }
        }
    }

    // Statements that are still there keep the connection until they end, too.
    deinit { sqlite3_close_v2(handle) }

    /// Whether SQLite could open it for reading only, which it does without a word.
    var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

    private static func failure(_ code: Int32, _ handle: OpaquePointer) -> CatalogueError {
        CatalogueError(code: code, words: String(cString: sqlite3_errmsg(handle)))
    }

    func prepare(_ text: String) throws(CatalogueError) -> Statement {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(handle, text, -1, &statement, nil)
        guard code == SQLITE_OK, let statement else { throw Self.failure(code, handle) }
        return Statement(statement)
    }

    /// Executes one statement for what it does.
    func run(_ text: String) throws(CatalogueError) {
        let statement = try prepare(text)
        while try statement.step() {}
    }

    /// The number that a statement's first row begins with; nil without a row.
    func number(_ text: String) throws(CatalogueError) -> Int64? {
        let statement = try prepare(text)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// All of it happens, or nothing.
    func transaction<Result>(
        _ begin: String, _ body: () throws(CatalogueError) -> Result
    ) throws(CatalogueError) -> Result {
        try run(begin)
        let result: Result
        do throws(CatalogueError) {
            result = try body()
            try run("COMMIT")
        } catch {
            // SQLite has rolled back already after some errors, and refuses to do it twice.
            if sqlite3_get_autocommit(handle) == 0 { try? run("ROLLBACK") }
            throw error
        }
        return result
    }
}

/// A statement with its parameters and the row it stands at, which ends with this value.
///
/// Parameters count from 1, columns from 0.
struct Statement: ~Copyable {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { sqlite3_finalize(handle) }

    private func check(_ code: Int32) throws(CatalogueError) {
        guard code == SQLITE_OK else { throw failure(code) }
    }

    private func failure(_ code: Int32) -> CatalogueError {
        CatalogueError(code: code, words: String(cString: sqlite3_errmsg(sqlite3_db_handle(handle))))
    }

    func bind(_ index: Int32, _ value: Int64) throws(CatalogueError) {
        try check(sqlite3_bind_int64(handle, index, value))
    }

    /// - Parameter value: A number, as SQLite would make NULL of `nan`.
    func bind(_ index: Int32, _ value: Double) throws(CatalogueError) {
        try check(sqlite3_bind_double(handle, index, value))
    }

    func bind(_ index: Int32, _ text: String) throws(CatalogueError) {
        let code = text.utf8.withContiguousStorageIfAvailable { bind(index, UnsafeRawBufferPointer($0)) }
        try check(code ?? Array(text.utf8).withUnsafeBytes { bind(index, $0) })
    }

    func bind(_ index: Int32, _ id: [UInt8]) throws(CatalogueError) {
        try check(id.withUnsafeBytes { bind(index, $0) })
    }

    private func bind(_ index: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        // Without an address it would be NULL, not empty.
        guard let address = bytes.baseAddress, !bytes.isEmpty else {
            return sqlite3_bind_zeroblob(handle, index, 0)
        }
        return mlrepo_sqlite_bind_blob(handle, index, address, UInt64(bytes.count))
    }

    /// Goes to the next row; false behind the last, and the statement can be bound anew.
    func step() throws(CatalogueError) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        sqlite3_reset(handle)
        guard code == SQLITE_DONE else { throw failure(code) }
        return false
    }

    /// Ends a statement before its last row, so that it can be bound anew.
    func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// Lends the bytes of a column until the next step.
    func withBytes<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // The address first: asking for it may change how many bytes there are.
        let address = sqlite3_column_blob(handle, column)
        return body(
            UnsafeRawBufferPointer(
                start: address, count: address == nil ? 0 : Int(sqlite3_column_bytes(handle, column))))
    }

    func text(_ column: Int32) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }
}
