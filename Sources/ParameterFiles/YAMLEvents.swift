import CYaml

/// One event of libyaml, copied out of it.
struct YAMLEvent {
    enum Kind {
        case scalar(YAMLScalar)
        case alias(String)
        case sequenceStart(tag: String?)
        case sequenceEnd
        case mappingStart(tag: String?)
        case mappingEnd
        case documentStart
        case documentEnd
        case streamStart
        case streamEnd
    }

    let kind: Kind
    /// The name by which aliases call the value that starts here.
    let anchor: String?
    let place: ParameterFileError.Place
}

/// The events of a YAML text, in order, from libyaml.
///
/// It owns the parser, which points into itself and into the text: both stay where they are until the end.
/// Every event is copied and deleted before the next one is asked for.
struct YAMLEvents: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>
    private let source: SourceText

    init(_ source: SourceText) throws(ParameterFileError) {
        try Self.check(source)
        self.source = source
        text = .allocate(capacity: source.contents.count + 1)  // never empty, so that it has an address
        let end = text[...].initialize(fromContentsOf: source.contents)
        parser = .allocate(capacity: 1)
        guard yaml_parser_initialize(parser) == 1 else { fatalError("out of memory") }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, end)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// The next event, which must not be asked for after the end of the stream.
    mutating func next() throws(ParameterFileError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem }  // leaves no event to delete
        defer { yaml_event_delete(&event) }
        return YAMLEvent(copying: event)
    }

    /// What libyaml says is wrong.
    private var problem: ParameterFileError {
        guard parser.pointee.error != YAML_MEMORY_ERROR else { fatalError("out of memory") }
        let words = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
        // The reader, which sees bytes before characters, knows an offset; scanner and parser know a mark.
        guard parser.pointee.error == YAML_READER_ERROR else {
            return .malformedYAML(words, at: .init(parser.pointee.problem_mark))
        }
        let offset = source.contents.startIndex + parser.pointee.problem_offset
        return .malformedYAML(words, at: source.place(at: min(offset, source.bytes.count)))
    }

    /// Refuses what libyaml is slow at or reads otherwise than YAML 1.2.
    ///
    /// It compares each directive with each, and takes U+0085, U+2028 and U+2029 for line breaks, as YAML 1.1
    /// did, which would change the text of a string without a word.
    private static func check(_ source: SourceText) throws(ParameterFileError) {
        var directives = 0
        var isLineStart = true
        for (offset, byte) in zip(source.contents.indices, source.contents) {
            if byte == UInt8(ascii: "%"), isLineStart {
                directives += 1
                guard directives <= ParameterFileLimits.directives else {
                    throw .tooManyDirectives(at: source.place(at: offset))
                }
            } else if byte == 0xC2 || byte == 0xE2, let separator = Self.separator(source.bytes[offset...]) {
                throw .unexpected(
                    ParameterFileError.quoted(separator),
                    expected: "a line feed, or an escape in double quotes",
                    at: source.place(at: offset))
            }
            isLineStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        }
    }

    private static func separator(_ rest: ArraySlice<UInt8>) -> String? {
        ["\u{85}", "\u{2028}", "\u{2029}"].first { rest.starts(with: $0.utf8) }
    }
}

extension YAMLEvent {
    /// Copies an event, which stays the caller's to delete.
    fileprivate init(copying event: yaml_event_t) {
        place = .init(event.start_mark)
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            anchor = Self.text(scalar.anchor)
            kind = .scalar(
                YAMLScalar(
                    text: String(
                        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                        as: UTF8.self),
                    isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE,
                    tag: Self.text(scalar.tag)))
        case YAML_ALIAS_EVENT:
            anchor = nil
            kind = .alias(Self.text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            anchor = Self.text(event.data.sequence_start.anchor)
            kind = .sequenceStart(tag: Self.text(event.data.sequence_start.tag))
        case YAML_MAPPING_START_EVENT:
            anchor = Self.text(event.data.mapping_start.anchor)
            kind = .mappingStart(tag: Self.text(event.data.mapping_start.tag))
        default:
            anchor = nil
            kind =
                switch event.type {
                case YAML_SEQUENCE_END_EVENT: .sequenceEnd
                case YAML_MAPPING_END_EVENT: .mappingEnd
                case YAML_DOCUMENT_START_EVENT: .documentStart
                case YAML_DOCUMENT_END_EVENT: .documentEnd
                case YAML_STREAM_START_EVENT: .streamStart
                default: .streamEnd
                }
        }
    }

    /// Copies a C string of libyaml, which ends it by a zero byte.
    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}

extension ParameterFileError.Place {
    /// A mark of libyaml, which counts from 0.
    fileprivate init(_ mark: yaml_mark_t) { self.init(line: mark.line + 1, column: mark.column + 1) }
}
