package import Editing
package import Storage
internal import SubspaceEditing

/// One way of changing a model: what a point of a study does.
package struct EditSettings: StudySettings {
  /// What is done to the model.
  package enum Method: String, Sendable, CaseIterable {
    /// Nothing.
    case none
    /// A subspace is removed.
    case profs
    /// It is trained.
    case dpo
  }

  /// Where the subspace is removed.
  package enum Weights: String, Sendable, CaseIterable {
    /// From what the MLP-value matrices write.
    case values
    /// From what the matrices in front of them read.
    case keys
  }

  /// What is done.
  package var method = Method.profs
  /// How the subspace is found.
  package var recipe = EditRecipe.Method.paper
  /// Pairs that are used; all where `nil`.
  package var pairs: Int?
  /// The share of them whose sides are exchanged.
  package var flipped = 0.0
  /// Blocks that are edited; the recipe's own where `nil`.
  package var blocks: BlockShare?
  /// Directions of each block; the recipe's own where `nil`.
  package var rank: Int?
  /// Directions of neutral text that are protected; the recipe's own where `nil`.
  package var protect: Int?
  /// Whether the mean of the chosen side is projected out.
  package var centring = true
  /// Where the subspace is removed.
  package var weights = Weights.values
  /// The share of it that is removed.
  package var strength = 1.0
  /// Steps after which training ends in any case.
  package var steps = 1000
  /// Learning rate of training after the warm-up.
  package var learningRate = 1e-6
  /// Steps of the warm-up.
  package var warmup = 150
  /// Pairs that are kept from training to tell when to end it, where there are so many beside those that are used.
  package var validation = 64

  /// The names of the settings.
  package static let keys = [
    "method", "recipe", "pairs", "flipped", "blocks", "rank", "protect", "centring", "weights", "strength",
    "steps", "learning_rate", "warmup", "validation",
  ]

  /// What is used where nothing else is said.
  package init() {}

  /// Changes one setting, whose name is among ``keys``.
  package mutating func set(_ key: String, to field: SpecificationField) throws {
    switch key {
    case "method": method = try field.choice(Method.self)
    case "recipe": recipe = try field.choice(EditRecipe.Method.self)
    case "pairs": pairs = try field.count(1...1_000_000_000)
    case "flipped": flipped = try field.number(0...1)
    case "blocks":
      guard let share = BlockShare(try field.text) else {
        throw field.error(expected: "blocks such as 13-30, or 15-24/24 for the upper ten of every 24")
      }
      blocks = share
    case "rank": rank = try field.count(1...1_000_000)
    case "protect": protect = try field.count(1...1_000_000)
    case "centring": centring = try field.bool
    case "weights": weights = try field.choice(Weights.self)
    case "strength": strength = try field.number(-100...100)
    case "steps": steps = try field.count(1...1_000_000)
    case "learning_rate": learningRate = try field.number(1e-12...10)
    case "warmup": warmup = try field.count(0...1_000_000)
    case "validation": validation = try field.count(0...1_000_000)
    default: preconditionFailure("a key is among those that were checked")
    }
  }

  /// The settings that have an effect, for records.
  package var json: JSON {
    var members: [(key: String, value: JSON)] = [("method", .string(method.rawValue))]
    guard method != .none else { return .object(members) }
    members += [("pairs", pairs.map { .int($0) } ?? .null), ("flipped", .double(flipped))]
    if method == .dpo {
      members += [
        ("steps", .int(steps)), ("learning_rate", .double(learningRate)), ("warmup", .int(warmup)),
        ("validation", .int(validation)),
      ]
    } else {
      members += [
        ("recipe", .string(recipe.rawValue)), ("blocks", blocks.map { .string($0.description) } ?? .null),
        ("rank", rank.map { .int($0) } ?? .null), ("protect", protect.map { .int($0) } ?? .null),
        ("centring", .bool(centring)), ("weights", .string(weights.rawValue)),
        ("strength", .double(strength)),
      ]
    }
    return .object(members)
  }

  /// The same with what has no effect as it is where nothing is said, so that equal points are equal.
  package var effective: EditSettings {
    var result = EditSettings()
    result.method = method
    guard method != .none else { return result }
    (result.pairs, result.flipped) = (pairs, flipped)
    if method == .dpo {
      (result.steps, result.learningRate) = (steps, learningRate)
      (result.warmup, result.validation) = (warmup, validation)
    } else {
      (result.recipe, result.blocks, result.rank, result.protect) = (recipe, blocks, rank, protect)
      (result.centring, result.weights, result.strength) = (centring, weights, strength)
      if recipe != .protected { result.protect = nil }
      if recipe != .paper, recipe != .protected { result.centring = true }
    }
    return result
  }

  /// The recipe of the edit for a model of `blocks` blocks of width `hidden`.
  ///
  /// - Throws: ``StudyError`` where the model or the pairs do not allow it.
  package func editRecipe(blocks count: Int, hidden: Int, pairs: Int) throws(StudyError) -> EditRecipe {
    var result = EditRecipe.standard(recipe, blocks: count, hidden: hidden)
    if let blocks {
      guard let range = blocks.range(of: count) else {
        throw StudyError("blocks \(blocks.description)", "the model has blocks 1-\(count)")
      }
      result.blocks = range
    }
    if let rank { result.rank = .fixed(rank) }
    if let protect, recipe == .protected { result.protectedDirections = protect }
    let rank = result.rank.largest
    // A gradient has a row for each token, embeddings one for each pair.
    let most = hidden - result.protectedDirections - 1
    guard rank <= (recipe == .natural ? most : min(pairs, most)) else {
      throw StudyError("rank \(rank)", "\(pairs) pairs in a width of \(hidden) have no so many directions")
    }
    return result
  }
}
