internal import CNeutralText
package import Tokenization

/// Ordinary text, by which the recipes `protected`, `oblique` and `natural` learn what an edit must leave alone.
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

  /// A text that is part of this program, `Data/neutral.txt`, in UTF-8, and that no fit knows.
  ///
  /// What an edit costs is measured on it where no other text is given: about 1,600 words, enough for differences of a few
  /// percent.
  package static let measured: [UInt8] = {
    var count = 0
    let start = profs_measured_text(&count)
    return Array(UnsafeBufferPointer(start: start, count: count))
  }()
}

extension NeutralText {
  /// Token ids of each passage, cut after `limit` tokens; none for a method that does not use them.
  package func tokens(
    for method: EditRecipe.Method, _ tokenizer: Tokenizer, limit: Int = .max
  ) throws(TokenizationError) -> [[Int32]] {
    var tokens: [[Int32]] = []
    for passage in passages where method.usesNeutralText {
      tokens.append(try tokenizer.encode(passage, limit: limit))
    }
    return tokens
  }
}
