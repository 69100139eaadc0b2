internal import ArgumentParser
internal import Editing
internal import PreferenceData

/// How the sides of pairs are taken that are written differently.
enum PairStyle: String, ExpressibleByArgument, CaseIterable {
  /// Both in one way.
  case level
  /// As they are.
  case asWritten = "as-written"

  /// What an edit takes where the user has not said: the published recipes take texts as they are.
  static func standard(for method: EditRecipe.Method) -> PairStyle {
    method.usesNeutralText ? .level : .asWritten
  }
}

/// The option of that name.
struct StyleOptions: ParsableArguments {
  @Option(
    help:
      "Sides that differ in capitals at the beginning, spaces before punctuation or the mark at the end, over all pairs: level writes both in one way, so that the edit is not about style. By default level for edits and their search, as-written for the recipes paper and detox-edit, training and gradients."
  )
  var style: PairStyle?

  /// Options that were decided elsewhere.
  init(style: PairStyle?) { self.style = style }

  /// Required by the parser.
  init() {}
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
