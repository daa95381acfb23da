internal import ObjectModel
internal import Storage

/// How a file is stored, for people and for programs.
enum StoredFormText {
    /// A line for each way in which pieces are coded, and one for those that are there already.
    static func lines(_ form: StoredForms.Form) -> [String] {
        var lines = form.ways.sorted { $0.key < $1.key }.map { codec, way in
            let bases =
                way.bases == 0
                ? ""
                : ", upon \(pieces(way.bases)) that \(way.bases == 1 ? "takes" : "take") \(Terminal.size(way.baseBytes))"
            return "\(padded(codec, to: 11)) \(pieces(way.pieces)), \(Terminal.size(way.rawBytes)) in"
                + " \(Terminal.size(way.storedBytes))\(ratio(way.rawBytes, way.storedBytes))\(bases)"
        }
        if form.again.pieces > 0 {
            lines.append(
                "\(padded("again", to: 11)) \(pieces(form.again.pieces)), \(Terminal.size(form.again.rawBytes))"
            )
        }
        return lines
    }

    static func members(_ form: StoredForms.Form) -> [JSONMember] {
        [
            JSONMember("storedBytes", .number(form.storedBytes)),
            JSONMember(
                "byCodec",
                .object(
                    form.ways.map { codec, way in
                        JSONMember(
                            codec,
                            .object([
                                "pieces": .number(way.pieces), "rawBytes": .number(way.rawBytes),
                                "storedBytes": .number(way.storedBytes), "bases": .number(way.bases),
                                "baseBytes": .number(way.baseBytes),
                            ]))
                    }, sorting: true)),
            JSONMember(
                "again",
                .object([
                    "pieces": .number(form.again.pieces), "rawBytes": .number(form.again.rawBytes),
                ])),
        ]
    }

    private static func pieces(_ number: Int) -> String {
        "\(Terminal.count(number)) piece\(number == 1 ? "" : "s")"
    }

    static func padded(_ name: String, to width: Int) -> String {
        name + String(repeating: " ", count: max(0, width - name.utf8.count))
    }

    static func ratio(_ raw: Int, _ stored: Int) -> String {
        stored > 0 && raw > 0 ? " (\(Terminal.decimal(Double(raw) / Double(stored), digits: 1))x)" : ""
    }
}
