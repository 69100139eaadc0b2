internal import Kernels
internal import Transformer

/// The texts of a fit, as they are cut, and the portions in which they go through the blocks.
struct FitTexts {
  /// Texts that go through the blocks together.
  struct Portion: Hashable {
    /// Pairs, both sides of each.
    var pairs: Range<Int>
    /// Passages of neutral text.
    var passages: Range<Int>
  }

  /// Says which tokens count.
  let method: EditRecipe.Method
  /// Token ids, the rejected sides first.
  let sides: [[Int32]]
  /// Token ids of the neutral passages.
  let passages: [[Int32]]
  /// The token that ``EditRecipe/Method/detoxEdit`` pads with.
  let padding: Int32
  /// Tokens of each side's longest text, the rejected side first.
  let longest: [Int]

  /// Texts; every pair has two sides.
  init(_ method: EditRecipe.Method, sides: [[Int32]], passages: [[Int32]], padding: Int32) {
    (self.method, self.sides, self.passages, self.padding) = (method, sides, passages, padding)
    longest = [sides.prefix(sides.count / 2), sides.suffix(sides.count / 2)].map { side in
      side.lazy.map(\.count).max() ?? 0
    }
  }

  /// Number of pairs.
  var pairs: Int { sides.count / 2 }

  /// All texts at once.
  var whole: Portion { Portion(pairs: 0..<pairs, passages: passages.indices) }

  /// Tokens of a pair, the padding of ``EditRecipe/Method/detoxEdit`` included, beginnings that its sides share counted
  /// twice.
  private func tokens(ofPair pair: Int) -> Int {
    method == .detoxEdit ? longest[0] + longest[1] : sides[pair].count + sides[pairs + pair].count
  }

  /// Portions of at most `limit` tokens, or of one pair or passage that has more; pairs come first.
  func portions(ofAtMost limit: Int) -> [Portion] {
    let items = pairs + passages.count
    return (0..<items).batches(ofAtMost: limit) { item in
      item < pairs ? tokens(ofPair: item) : passages[item - pairs].count
    }.map { items in
      Portion(
        pairs: items.clamped(to: 0..<pairs),
        passages: max(0, items.lowerBound - pairs)..<max(0, items.upperBound - pairs))
    }
  }

  /// Packs a portion.
  ///
  /// - Throws: ``ModelError`` for a text without tokens.
  func embedding(_ portion: Portion, _ model: Model, _ context: ComputeContext) throws -> TextEmbedding {
    let some = portion.pairs
    let texts = Array(sides[some]) + sides[some.lowerBound + pairs..<some.upperBound + pairs]
    let neutral = Array(passages[portion.passages])
    switch method {
    case .paper: return try TextEmbedding(model, context, texts, pooling: .mean, sides: 2)
    case .detoxEdit:
      return try TextEmbedding(
        model, context, texts, pooling: .meanPadded, padding: padding, longest: longest, sides: 2)
    case .oblique, .natural:
      // A pair's prompt, and whatever else its sides begin with alike, says nothing of their difference.
      let common = some.indices.map { index in
        max(
          1,
          zip(texts[index - some.lowerBound], texts[index - some.lowerBound + some.count])
            .prefix { $0 == $1 }.count)
      }
      return try TextEmbedding(
        model, context, texts, pooling: .mean, source: .mlpOutput, skipping: common + common, sides: 2,
        neutral: neutral)
    case .protected:
      return try TextEmbedding(model, context, texts, pooling: .skipFirst, sides: 2, neutral: neutral)
    }
  }
}
