/// Something by which two sides can be told apart that is not what the pairs are about.
public enum SideTrait: String, Sendable, CaseIterable {
  /// Number of characters.
  case length
  /// Share of letters that are capitals.
  case capitals
  /// Whether the text begins with a capital.
  case initialCapital = "initial_capital"
  /// Whether the text ends with a mark such as a full stop or a comma.
  case finalPunctuation = "final_punctuation"
  /// Whether a space stands before a mark of punctuation.
  case spacedPunctuation = "spaced_punctuation"

  /// Marks that stand right behind a word in ordinary writing, and that can end a text.
  static let marks: Set<Character> = [".", ",", "!", "?", ";", ":", "…"]
  /// Those of them that end a sentence.
  static let sentenceEnds: Set<Character> = [".", "!", "?", "…"]

  /// The trait of a text as a number.
  func value(of text: String) -> Double {
    switch self {
    case .length: return Double(text.count)
    case .capitals:
      let letters = text.filter(\.isLetter)
      return letters.isEmpty ? 0 : Double(letters.count(where: \.isUppercase)) / Double(letters.count)
    case .initialCapital: return text.first(where: \.isLetter)?.isUppercase == true ? 1 : 0
    case .finalPunctuation:
      return text.last { !$0.isWhitespace }.map(Self.marks.contains) == true ? 1 : 0
    case .spacedPunctuation: return StyleLevelling.closingUp(text).utf8.count < text.utf8.count ? 1 : 0
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

  /// From what pairs that were seen one by one add up to.
  fileprivate init(_ trait: SideTrait, pairs: Int, _ sum: SideSums.Sum) {
    let count = Double(max(1, pairs))
    let average = (sum.rejected - sum.chosen) / count
    let deviation = max(0, sum.squares / count - average * average).squareRoot()
    self.trait = trait
    (chosen, rejected) = (sum.chosen / count, sum.rejected / count)
    // From sums, equal differences have a deviation of rounding errors.
    consistency = average == 0 ? 0 : deviation < 1e-7 * abs(average) ? .infinity : abs(average) / deviation
  }
}

/// What the traits of pairs add up to, pair by pair.
package struct SideSums: Sendable {
  fileprivate struct Sum: Sendable {
    var chosen = 0.0
    var rejected = 0.0
    /// Of the squares of the pairs' differences.
    var squares = 0.0
  }

  /// Number of pairs.
  package private(set) var pairs = 0
  private var sums = SideTrait.allCases.map { _ in Sum() }

  /// Those of no pairs.
  package init() {}

  /// Those of all `pairs`.
  init(_ pairs: some Sequence<PreferencePair>) {
    for pair in pairs { add(pair) }
  }

  /// Adds a pair; of a conversation, its last message.
  ///
  /// Sides that go on in their prompt's sentence count as beginning with no capital.
  package mutating func add(_ pair: PreferencePair) {
    pairs += 1
    let (chosen, rejected) = (pair.chosen.lastText, pair.rejected.lastText)
    for (index, trait) in SideTrait.allCases.enumerated() {
      if trait == .initialCapital, !pair.beginsSentences { continue }
      let (one, other) = (trait.value(of: chosen), trait.value(of: rejected))
      sums[index].chosen += one
      sums[index].rejected += other
      sums[index].squares += (other - one) * (other - one)
    }
  }

  /// How the sides of the pairs compare in each trait.
  package var balances: [SideBalance] {
    zip(SideTrait.allCases, sums).map { SideBalance($0, pairs: pairs, $1) }
  }
}
