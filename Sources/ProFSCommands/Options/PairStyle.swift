internal import ArgumentParser
internal import PreferenceData

/// How the sides of pairs are taken that are written differently.
enum PairStyle: String, ExpressibleByArgument, CaseIterable {
  /// Both in one way.
  case level
  /// As they are.
  case asWritten = "as-written"
}

extension SideTrait {
  /// The trait as it stands at the beginning of a sentence.
  var words: String {
    switch self {
    case .length: "length in characters"
    case .capitals: "the share of capitals"
    case .initialCapital: "a capital at the beginning"
    case .finalPunctuation: "punctuation at the end"
    case .spacedPunctuation: "space before punctuation"
    }
  }
}
