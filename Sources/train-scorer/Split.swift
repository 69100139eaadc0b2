internal import Evaluation

/// What a text is used for.
enum Split {
  case training
  /// For the calibration of probabilities.
  case calibration
  /// For the figures that are reported; never seen in training.
  case test

  /// The split of all texts that belong to `group`, of `shares` in 20 for test and as many for calibration.
  ///
  /// It depends on the words of `group` alone, so that no edit of a data set moves a text from one to another.
  init(group: String, test: UInt64, calibration: UInt64) {
    let words = ScoredWords(group)
    let hash = words.bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let fold = (hash ^ (hash >> 31)) &* 0x9E37_79B9_7F4A_7C15 >> 40 % 20
    self = fold < test ? .test : fold < test + calibration ? .calibration : .training
  }
}

/// A text with the score it should get.
struct LabelledText {
  /// The text itself.
  var text: String
  /// From 0 to 1; between them where annotators or Perspective were between.
  var label: Float
  /// How much its loss counts.
  var weight: Float = 1
}

/// Word sequences of the sets that are for testing alone, to keep texts that occur in them out of training.
struct ForbiddenPassages {
  private static let length = 7
  private var hashes: Set<UInt64> = []

  /// Takes note of every seven words in a row, and of whole texts that are shorter.
  init(_ texts: [String]) {
    for text in texts { hashes.formUnion(Self.hashes(text)) }
  }

  /// Whether seven words in a row of `text`, or all of a shorter one, stand in the forbidden texts.
  func occur(in text: String) -> Bool { Self.hashes(text).contains { hashes.contains($0) } }

  private static func hashes(_ text: String) -> [UInt64] {
    let words = ScoredWords(text)
    guard words.count > 0 else { return [] }
    return (0...max(0, words.count - length)).map { first in
      let last = min(first + length, words.count) - 1
      let passage = words.bytes[words.range(first).lowerBound..<words.range(last).upperBound]
      return passage.reduce(words.count < length ? 1 : 2) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
  }
}
