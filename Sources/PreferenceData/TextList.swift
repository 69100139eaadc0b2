internal import Storage

/// Texts or prompts read from a file, one each, in its order.
///
/// - `.txt`: one a line. A line ends at a line feed, with or without a carriage return before it. Empty lines
///   are empty texts, so that the n-th text is the n-th line; only a line feed that ends the file adds none.
/// - `.jsonl` and `.json`: a string, or an object with `text` or `prompt`, which is a string or, as in
///   RealToxicityPrompts, an object with `text`. Blank lines of a `.jsonl` are no records. A record can also be a
///   conversation, which ``passages(path:)`` reads.
///
/// Each also as `.gz`.
public struct TextList: Sendable, Equatable {
  /// The texts.
  public let texts: [String]

  /// Reads the texts of a file, the first `limit` of them where there is one.
  ///
  /// Throws, naming file and line, when it cannot be read or unpacked, is not what its name says, is not
  /// UTF-8, has a record without a text, or has none at all.
  public init(path: String, limit: Int? = nil) throws(PreferenceDataError) {
    let all = try Self.read(path) { file, passage, line throws(PreferenceDataError) in
      guard let text = passage.text else {
        throw file.error(line, "expected a text, found a conversation")
      }
      return text
    }
    texts = limit.map { Array(all.prefix($0)) } ?? all
  }

  /// Reads texts and conversations, which are lists of messages under `messages`, `prompt` or `text`.
  ///
  /// Throws as ``init(path:limit:)`` does.
  public static func passages(path: String) throws(PreferenceDataError) -> [Passage] {
    try read(path) { _, passage, _ in passage }
  }

  private static func read<Result>(
    _ path: String, _ body: (DataFile, Passage, Int) throws(PreferenceDataError) -> Result
  ) throws(PreferenceDataError) -> [Result] {
    let file = try DataFile(path: path, formats: [.txt, .jsonl, .json])
    var results: [Result] = []
    if file.format == .txt {
      try file.forEachLine { line, number throws(PreferenceDataError) in
        results.append(try body(file, .text(try file.text(line, line: number)), number))
      }
    } else {
      try JSONRecords(file).forEach { value, line throws(PreferenceDataError) in
        results.append(try body(file, try passage(value, in: file, line: line), line))
      }
    }
    guard !results.isEmpty else { throw file.error(nil, "there are no texts in the file") }
    return results
  }

  private static func passage(
    _ value: JSONValue, in file: DataFile, line: Int
  ) throws(PreferenceDataError) -> Passage {
    if let text = value.string { return .text(text) }
    for name in ["text", "prompt", "messages"] {
      guard let part = value[name] else { continue }
      if let text = part.string ?? part["text"]?.string { return .text(text) }
      if part.kind == .array { return try Passage(part, named: name, in: file, line: line) }
    }
    throw file.error(
      line,
      "expected a text, or an object with “text”, “prompt” or “messages”, found \(value.describe)"
        + (value.kind == .object ? " with \(value.members.prefix(20).map { "“\($0.key)”" })" : ""))
  }
}
