internal import Storage

/// Texts or prompts read from a file, one each, in its order.
///
/// - `.txt`: one a line. A line ends at a line feed, with or without a carriage return before it. Empty lines
///   are empty texts, so that the n-th text is the n-th line; only a line feed that ends the file adds none.
/// - `.jsonl` and `.json`: a string, or an object with `text` or `prompt`, which is a string or, as in
///   RealToxicityPrompts, an object with `text`. Blank lines of a `.jsonl` are no records.
///
/// Each also as `.gz`.
public struct TextList: Sendable, Equatable {
  /// The texts.
  public let texts: [String]

  /// Reads the texts of a file.
  ///
  /// Throws, naming file and line, when it cannot be read or unpacked, is not what its name says, is not
  /// UTF-8, has a record without a text, or has none at all.
  public init(path: String) throws(PreferenceDataError) {
    let file = try DataFile(path: path, formats: [.txt, .jsonl, .json])
    var texts: [String] = []
    if file.format == .txt {
      try file.forEachLine { line, number throws(PreferenceDataError) in
        texts.append(try file.text(line, line: number))
      }
    } else {
      try JSONRecords(file).forEach { value, line throws(PreferenceDataError) in
        guard let text = Self.text(of: value) else {
          throw file.error(
            line,
            "expected a text, or an object with “text” or “prompt”, found \(value.describe)"
              + (value.kind == .object ? " with \(value.members.prefix(20).map { "“\($0.key)”" })" : ""))
        }
        texts.append(text)
      }
    }
    guard !texts.isEmpty else { throw file.error(nil, "there are no texts in the file") }
    self.texts = texts
  }

  private static func text(of value: JSONValue) -> String? {
    if let text = value.string { return text }
    guard let part = value["text"] ?? value["prompt"] else { return nil }
    return part.string ?? part["text"]?.string
  }
}
