import ObjectModel
import ParameterFiles

/// JSON, YAML and TOML files of parameters.
extension FuzzedDecoder {
    static let parameterFiles: [FuzzedDecoder] = [
        parameters(
            "parameters-json", .json,
            tokens: [
                "NaN", "-Infinity", "\\ud83d\\ude00", "\\u0000", "1e-3", "[[[[[[[[", "{\"a\":", "\u{feff}",
                "e\u{301}",
            ],
            seeds: [
                #"{"lr": 0.001, "epochs": 10, "opt": {"name": "adam", "betas": [0.9, 0.999]}, "x": null, "y": true}"#,
                #"{"a": "\u00e9\ud83d\ude00\n", "b": NaN, "c": -Infinity, "d": 12345678901234567890123}"#,
            ]),
        parameters(
            "parameters-yaml", .yaml,
            tokens: [
                "&a ", "*a", "<<: *a\n", "!!int ", "- ", "  ", "? ", ": ", "|\n", ">-\n", "%YAML 1.2\n---\n",
                "[[", "{a: ", "\u{85}", "0x1f",
            ],
            seeds: [
                "lr: 1e-3\nopt:\n  name: adam\n  betas: [0.9, 0.999]\nnone: ~\nflag: true\ntext: |\n  a\n  b\n",
                "base: &b {a: 1, b: [x, y]}\nother:\n  <<: *b\n  c: !!str 5\nn: 0o17\nm: 0x1F\n",
                "a: &x [1, 2]\nb: [*x, *x, *x]\nc: 'it''s'\nd: \"\\u00e9\\n\"\n? e\n: f\n",
            ]),
        parameters(
            "parameters-toml", .toml,
            tokens: [
                "[[a]]\n", "[a.b]\n", "\"\"\"", "'''", "\\U0010ffff", "0x", "0b", "1979-05-27T07:32:00Z",
                "{a=", "#", "\r\n", "\\\n",
            ],
            seeds: [
                "lr = 1e-3\nepochs = 1_000\n[opt]\nname = \"adam\"\nbetas = [0.9, 0.999]\nflag = true\n",
                "a.b.c = 0xff\nd = 1979-05-27 07:32:00\ns = \"\"\"\nx \\\n  y\"\"\"\nl = 'C:\\x'\n[[t]]\nk = {a = 1, b.c = 2}\n[[t]]\n",
                "f = [ 1, 2, # c\n 3 ]\ng = +inf\nh = -nan\ni = 0b1010\nj = 0o17\n\"é\" = '''x'''\n",
            ]),
    ]

    private static func parameters(
        _ name: String, _ format: ParameterFileFormat, tokens: [String], seeds: [String]
    ) -> FuzzedDecoder {
        FuzzedDecoder(
            name: name, tokens: tokens, seeds: { seeds.map { Array($0.utf8) } },
            decode: { bytes in
                let values: [String: ParameterValue]
                do throws(ParameterFileError) { values = try readParameters(bytes, format: format) } catch {
                    _ = error.description
                    return .refused
                }
                // Whatever a file holds has to come back from a run.
                let json = ParameterValue.object(["parameters": .map(values)]).canonicalBytes
                let again: [String: ParameterValue]
                do throws(MalformedObject) {
                    again = try ParameterValue.values(try JSONValue(canonical: json), member: "parameters")
                } catch { throw Violation("what was read cannot be stored: \(error)") }
                try require(again == ["parameters": .map(values)], "stored it is another value")
                _ = ParameterValue.flattened(values)
                return .accepted
            })
    }
}
