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
    balances = SideTrait.allCases.map { SideBalance($0, pairs) }
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

/// Something by which two sides can be told apart that is not what the pairs are about.
public enum SideTrait: String, Sendable, CaseIterable {
  /// Number of characters.
  case length
  /// Share of letters that are capitals.
  case capitals
  /// Whether the text begins with a capital.
  case initialCapital = "initial_capital"
  /// Whether the text ends with punctuation.
  case finalPunctuation = "final_punctuation"

  /// The trait of a text as a number.
  func value(of text: String) -> Double {
    switch self {
    case .length: return Double(text.count)
    case .capitals:
      let letters = text.filter(\.isLetter)
      return letters.isEmpty ? 0 : Double(letters.count(where: \.isUppercase)) / Double(letters.count)
    case .initialCapital: return text.first(where: \.isLetter)?.isUppercase == true ? 1 : 0
    case .finalPunctuation: return text.last(where: { !$0.isWhitespace })?.isPunctuation == true ? 1 : 0
    }
  }
}

/// How both sides compare in one trait.
public struct SideBalance: Sendable, Equatable {
  /// The trait.
  public let trait: SideTrait
  /// Its mean over the chosen sides.
  public let chosen: Double
  /// Its mean over the rejected sides.
  public let rejected: Double
  /// |mean| / standard deviation of the pairs' differences; 0 where there are none, infinite where all are the same.
  public let consistency: Double

  /// Differences that are at least this consistent can become a direction of the subspace.
  public static let limit = 0.3

  /// Whether the trait tells the sides apart.
  public var isImbalanced: Bool { consistency >= Self.limit }

  /// Measures `trait` on both sides of the pairs.
  init(_ trait: SideTrait, _ pairs: [PreferencePair]) {
    func values(_ side: PreferenceSide) -> [Double] { pairs.map { trait.value(of: $0[side].lastText) } }
    let (ones, others) = (values(.chosen), values(.rejected))
    let differences = zip(ones, others).map { $1 - $0 }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
    let average = mean(differences)
    let deviation = mean(differences.map { ($0 - average) * ($0 - average) }).squareRoot()
    self.trait = trait
    (chosen, rejected) = (mean(ones), mean(others))
    consistency = average == 0 ? 0 : abs(average) / deviation
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
