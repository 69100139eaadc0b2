package import Kernels

/// Models that are measured side by side on the same tokens: a base, and others that are variants of it or stand by
/// themselves.
///
/// The base and its variants go through the blocks together, so that weights are read once for all of them.
package struct ModelPanel: Sendable {
  /// A model beside the base.
  package enum Other: Sendable {
    /// A checkpoint; where it differs from the base in a few matrices only, it runs as a variant.
    case model(Model)
    /// A variant of the base.
    case variant(ModelVariant)
  }

  private struct Place: Sendable {
    var group: Int
    var stream: Int
  }

  /// A base and its variants, or a model that stands by itself.
  struct Group: Sendable {
    /// The model whose weights are read.
    let model: Model
    /// What runs beside it.
    var variants: [ModelVariant] = []
  }

  /// The base with its variants, and the models that stand by themselves.
  private(set) var groups: [Group]
  /// Where each subject's results are found, the base's first.
  private var places: [Place]

  /// A base and models beside it.
  ///
  /// - Throws: ``ModelError`` where a model's vocabulary is of another size than the base's, or a file cannot be read.
  package init(base: Model, others: [Other] = []) throws {
    groups = [Group(model: base)]
    places = [Place(group: 0, stream: 0)]
    for other in others {
      switch other {
      case .variant(let variant): add(variant)
      case .model(let model):
        guard model.configuration.vocabulary == base.configuration.vocabulary else {
          throw ModelError(
            model.path,
            "its vocabulary has \(model.configuration.vocabulary) tokens, the base's "
              + "\(base.configuration.vocabulary); models are compared token by token")
        }
        if let variant = try ModelVariant(base, edited: model) {
          add(variant)
        } else {
          groups.append(Group(model: model))
          places.append(Place(group: groups.count - 1, stream: 0))
        }
      }
    }
  }

  private mutating func add(_ variant: ModelVariant) {
    groups[0].variants.append(variant)
    places.append(Place(group: 0, stream: groups[0].variants.count))
  }

  /// The base.
  package var base: Model { groups[0].model }

  /// Number of models, the base included.
  package var count: Int { places.count }

  /// Whether a subject runs as a variant of the base, and from which block on; `nil` for the base and for models that
  /// stand by themselves.
  package func firstEditedBlock(_ subject: Int) -> Int? {
    let place = places[subject]
    return place.group == 0 && place.stream > 0 ? groups[0].variants[place.stream - 1].firstBlock : nil
  }

  /// Blocks that are computed for all subjects together, for plans of time.
  package var blockCount: Int {
    groups.reduce(0) { sum, group in
      let blocks = group.model.configuration.blocks
      return sum + blocks + group.variants.reduce(0) { $0 + blocks - $1.firstBlock + 1 }
    }
  }

  /// What every model says about the tokens that follow some rows of `forest`.
  ///
  /// - Parameters:
  ///   - rows: rows of the forest.
  ///   - targets: the token that follows each row.
  ///   - progress: told of a share of the whole.
  /// - Returns: the subjects' scores, the base's first; divergences are from the base.
  package func score(
    _ context: ComputeContext, _ forest: TokenForest, rows: [Int], targets: [Int32],
    progress: ProgressHandler? = nil
  ) throws -> [RowScores] {
    // Head and blocks in the proportion of their weights.
    let configuration = base.configuration
    let headShare = configuration.vocabulary * configuration.hidden * count * rows.count
    let blockShare = configuration.blockWeightCount * blockCount * forest.tokens.count
    let total = headShare + blockShare
    var finished = 0
    let streams = try groups.map { group in
      let share = blockShare / groups.count
      defer { finished += share }
      let pass = try ForwardPass(group.model, context, forest, variants: group.variants, outputRows: rows)
      return try pass.finalStreams {
        progress?(finished + Int(Double(share) * Double($0) / Double(max(1, $1))), total)
      }
    }
    let scores = try LanguageModelHead.score(
      zip(groups, streams).map { (LanguageModelHead($0.model, context), $1) }, rows: rows, targets: targets
    ) { progress?(total - headShare + Int(Double(headShare) * Double($0) / Double(max(1, $1))), total) }
    for (subject, score) in inOrder(scores).enumerated()
    where !score.logProbabilities.allSatisfy(\.isFinite) {
      let model = groups[places[subject].group].model
      throw try model.explainNonFinite(throughBlock: model.configuration.blocks)
    }
    return inOrder(scores)
  }

  /// Continues each prompt with every model; answers by subject, the base's first.
  package func generate(
    _ context: ComputeContext, _ prompts: [[Int32]], _ options: Decoder.Options,
    progress: ProgressHandler? = nil
  ) throws -> [[[Int32]]] {
    let total = prompts.count * options.maximumNewTokens * groups.count
    var results: [[[Int32]]] = []
    for (index, group) in groups.enumerated() {
      results += try Decoder(group.model, context).generate(
        prompts, options, variants: group.variants,
        progress: { done, _ in progress?(total / groups.count * index + done, total) })
    }
    return inOrder(results)
  }

  /// Results by group and stream, as subjects.
  private func inOrder<Result>(_ results: [Result]) -> [Result] {
    var starts = [0]
    for group in groups { starts.append((starts.last ?? 0) + group.variants.count + 1) }
    return places.map { results[starts[$0.group] + $0.stream] }
  }
}

extension ModelConfiguration {
  /// Elements of one block's matrices, near enough for plans of time.
  package var blockWeightCount: Int {
    let attention = queryRowWidth + queryWidth + 2 * keyValueWidth
    guard let net = deltaNet else { return hidden * (attention + 3 * intermediate) }
    let recurrent = (1...blocks).count(where: isRecurrent)
    let mixers = recurrent * (net.rowWidth + net.valueWidth) + (blocks - recurrent) * attention
    return hidden * (mixers / blocks + 3 * intermediate)
  }
}
