/// What in a set of pairs may mislead a fit: pairs that repeat, sides that are the same, and sides that differ in more
/// than what they are about.
public struct PairCheck: Sendable, Equatable {
  /// Number of pairs.
  public let pairs: Int
  /// Lines of pairs that repeat an earlier one byte for byte.
  public let duplicateLines: [Int]
  /// Lines of further pairs that repeat an earlier one but for case, white space and punctuation.
  public let nearDuplicateLines: [Int]
  /// Lines of pairs whose sides are the same byte for byte.
  public let identicalLines: [Int]
  /// Lines of further pairs whose sides are the same but for case, white space and punctuation.
  public let nearIdenticalLines: [Int]
  /// How the sides compare in each of ``SideTrait``.
  public let balances: [SideBalance]
  /// What of that an edit levels.
  public let levelling: StyleLevelling

  /// Checks pairs in their order; of a conversation, the last message is looked at.
  public init(_ pairs: [PreferencePair]) {
    self.pairs = pairs.count
    let exact = Self.repeated(
      pairs.map { [$0.prompt?.lastText ?? "", $0.chosen.lastText, $0.rejected.lastText] })
    let normalized = pairs.map { pair in
      [pair.prompt?.lastText ?? "", pair.chosen.lastText, pair.rejected.lastText].map(Self.normalized)
    }
    let near = Self.repeated(normalized).subtracting(exact)
    let identical = pairs.indices.filter { pairs[$0].chosen.isIdentical(to: pairs[$0].rejected) }
    let nearIdentical = Set(pairs.indices.filter { normalized[$0][1] == normalized[$0][2] })
      .subtracting(identical)
    duplicateLines = exact.sorted().map { pairs[$0].line }
    nearDuplicateLines = near.sorted().map { pairs[$0].line }
    identicalLines = identical.map { pairs[$0].line }
    nearIdenticalLines = nearIdentical.sorted().map { pairs[$0].line }
    let sums = SideSums(pairs)
    balances = sums.balances
    levelling = StyleLevelling(sums)
  }

  /// Pairs whose chosen side scores higher than the rejected one by `margin` or more: perhaps the sides were swapped.
  ///
  /// - Parameters:
  ///   - chosen: a score of every chosen side that rises with what the pairs are to remove, in the order of `pairs`.
  ///   - rejected: the score of every rejected side.
  public static func suspectedFlips(
    _ pairs: [PreferencePair], chosen: [Double], rejected: [Double], margin: Double = 0.2
  ) -> [(line: Int, chosen: Double, rejected: Double)] {
    pairs.indices.filter { chosen[$0] - rejected[$0] >= margin }
      .map { (pairs[$0].line, chosen[$0], rejected[$0]) }
  }

  /// Indices of the keys that came before.
  private static func repeated(_ keys: [[String]]) -> Set<Int> {
    var seen: Set<[[UInt8]]> = []
    // By bytes: equal strings can be different texts to a tokenizer.
    return Set(keys.indices.filter { !seen.insert(keys[$0].map { Array($0.utf8) }).inserted })
  }

  /// Letters and digits in lower case, words one space apart.
  private static func normalized(_ text: String) -> String {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: " ")
  }
}

extension Passage {
  /// The text, or what the last message says.
  package var lastText: String {
    switch self {
    case .text(let text): text
    case .messages(let messages): messages.last?.content ?? ""
    }
  }
}
