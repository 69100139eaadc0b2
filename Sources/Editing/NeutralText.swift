internal import CNeutralText

/// Ordinary text, by which the recipe ``EditRecipe/Method/protected`` learns what an edit must leave alone.
public struct NeutralText: Sendable, Hashable {
  /// The passages; each is a text of its own to the model.
  public let passages: [String]

  /// A neutral text of these passages, those that are empty or white space left out.
  public init(passages: [String]) {
    self.passages = passages.filter { !$0.allSatisfy(\.isWhitespace) }
  }

  /// A neutral text of the passages of `text`, which blank lines divide.
  public init(text: String) {
    var passages: [[Substring]] = [[]]
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      if line.allSatisfy(\.isWhitespace) {
        passages.append([])
      } else {
        passages[passages.count - 1].append(line)
      }
    }
    self.init(passages: passages.map { $0.joined(separator: "\n") })
  }

  /// The text that is part of this program, `Data/neutral-fit.txt`: English prose, notes, lists and code of many kinds.
  public static let builtin: NeutralText = {
    var count = 0
    let start = profs_neutral_text(&count)
    return NeutralText(text: String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self))
  }()
}
