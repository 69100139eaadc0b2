package import Kernels
package import SubspaceEditing
internal import Tokenization
package import Transformer

/// What the directions of a subspace mean, as far as the model's vocabulary can say it, and how its blocks relate.
package struct SubspaceExplanation: Sendable {
  /// A token and what a unit of the direction adds to its logit, up to a factor that all tokens share.
  package struct Token: Sendable, Equatable {
    /// Its number.
    package let id: Int32
    /// Its bytes as text, U+FFFD standing in for what is no UTF-8.
    package let text: String
    /// See `LanguageModelHead.logits(ofDirections:count:)`.
    package let logit: Float
  }

  /// One direction.
  package struct Direction: Sendable {
    /// Its singular value; `nil` where directions were ranked by something else, and the file does not say which is whose.
    package let singularValue: Double?
    /// The tokens it raises most, those of rejected texts, most raised first.
    package let top: [Token]
    /// The tokens it lowers most, most lowered first.
    package let bottom: [Token]
    /// The texts that lie farthest along it, and farthest against it; `nil` where no texts were given.
    package let texts: (largest: [TextLoad], smallest: [TextLoad])?
  }

  /// One block.
  package struct Block: Sendable {
    /// The block, from 1.
    package let block: Int
    /// Every singular value of its preference matrix, largest first.
    package let singularValues: [Double]
    /// Its directions, most important first.
    package let directions: [Direction]
    /// The block before it in the subspace and the angles to its directions; `nil` for the first.
    package let previous: (block: Int, angles: PrincipalAngles)?
    /// The angles to the other subspace's directions of the same block; `nil` where there are none.
    package let compared: PrincipalAngles?

    /// A value's share of the spectrum, σ² over the sum of all; 0 where all are zero.
    package func share(_ value: Double) -> Double {
      let total = singularValues.reduce(0) { $0 + $1 * $1 }
      return total > 0 ? value * value / total : 0
    }
  }

  /// In ascending order.
  package let blocks: [Block]

  /// Explains `subspace` by the vocabulary of `model`, and compares it with `other`, where there is one.
  ///
  /// Of an oblique projection and of a step what is taken away is read, each row at length 1.
  /// - Parameters:
  ///   - tokens: how many are named at each end of a direction.
  ///   - texts: texts that are placed along the directions.
  /// - Throws: ``EditingError`` where the subspace is of another model, or the other one shares no block or width with it.
  package init(
    _ subspace: EditSubspace, _ model: Model, _ context: ComputeContext, tokens: Int,
    comparedWith other: EditSubspace? = nil, texts: Texts? = nil, progress: ProgressHandler? = nil
  ) throws {
    try model.requireDecoder()
    try subspace.requireFits(model)
    if let other {
      guard other.hidden == subspace.hidden else {
        throw EditingError(
          "--compare", "a subspace of width \(other.hidden) cannot be compared with one of \(subspace.hidden)"
        )
      }
      guard subspace.blocks.contains(where: { other[$0.block] != nil }) else {
        throw EditingError("--compare", "the two subspaces have no block in common")
      }
    }
    let coordinates = try texts.map {
      try Self.coordinates(of: $0, subspace, model, context, progress: progress)
    }
    let head = LanguageModelHead(model, context)
    let tokenizer = try model.tokenizer()
    let names = (0..<model.configuration.vocabulary).map { id in
      String(decoding: tokenizer.bytes(of: Int32(id)), as: UTF8.self)
    }
    // A combination has the values of all its parts, and does not say which is whose.
    let isRankedByValue =
      subspace.provenance.recipe.ranking == .singularValue && subspace.provenance.parts.isEmpty
    var blocks: [Block] = []
    for (index, block) in subspace.blocks.enumerated() {
      let basis = block.subspace.taken
      let isOblique = block.subspace.writes != nil
      let logits = try head.logits(
        ofDirections: isOblique ? basis.normalized().values : basis.values, count: basis.count)
      let directions = (0..<basis.count).map { row in
        let values = logits[row * names.count..<(row + 1) * names.count]
        func extreme(_ sign: Float) -> [Token] {
          Self.largest(tokens, names) { sign * values[values.startIndex + $0] }.map {
            Token(id: Int32($0), text: names[$0], logit: values[values.startIndex + $0])
          }
        }
        return Direction(
          singularValue: isRankedByValue ? block.subspace.singularValues[row] : nil, top: extreme(1),
          bottom: extreme(-1),
          texts: texts.flatMap { texts in
            coordinates?[block.block].map {
              Self.extremes($0[row * texts.texts.count..<(row + 1) * texts.texts.count], texts)
            }
          })
      }
      let previous = index > 0 ? subspace.blocks[index - 1] : nil
      blocks.append(
        Block(
          block: block.block, singularValues: block.subspace.singularValues, directions: directions,
          previous: try previous.map {
            ($0.block, try PrincipalAngles(between: $0.subspace.taken, and: basis))
          },
          compared: try other?[block.block].map { try PrincipalAngles(between: basis, and: $0.taken) }))
      progress?(index + 1, subspace.blocks.count)
    }
    self.blocks = blocks
  }

  /// The `count` indices of tokens with a name whose values are largest, largest first and equal ones in order.
  private static func largest(_ count: Int, _ names: [String], _ value: (Int) -> Float) -> [Int] {
    var found: [(index: Int, value: Float)] = []
    for index in names.indices {
      let value = value(index)
      if found.count == count, let last = found.last, value <= last.value { continue }
      guard !names[index].isEmpty else { continue }
      found.insert((index, value), at: found.firstIndex { $0.value < value } ?? found.count)
      if found.count > count { found.removeLast() }
    }
    return found.map(\.index)
  }
}
