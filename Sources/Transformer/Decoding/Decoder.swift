package import Kernels

/// Batched decoding: all prompts take a step together, so every weight is read once a step for all of them.
package struct Decoder {
  /// What decodes.
  let model: Model
  /// Threads, precision and seed.
  let context: ComputeContext

  /// What to generate.
  package struct Options: Sendable {
    /// Tokens after which a text ends where no stop token has ended it; 0 generates nothing.
    package var maximumNewTokens: Int
    /// How each token is chosen.
    package var sampling: Sampling
    /// Tokens that end a text; the token itself is kept.
    package var stopTokens: Set<Int32>
    /// Where the prompts are some of many: how many stand before the first, whose numbers these do not draw.
    package var promptsBefore = 0

    /// Options from their parts: greedy, and to full length, where nothing else is said.
    package init(maximumNewTokens: Int, sampling: Sampling = .greedy, stopTokens: Set<Int32> = []) {
      self.maximumNewTokens = maximumNewTokens
      self.sampling = sampling
      self.stopTokens = stopTokens
    }
  }

  /// How a prompt's draws follow from the seed, as a number that changes with it: records of other draws are not gone on with.
  package static let draws = 2

  /// Memory that the keys and values of one batch of prompts may take, in bytes.
  private static let cacheBudget = 512 << 20
  /// The same with the states of gated delta nets, which are large and of one size however short a text is.
  private static let stateBudget = 1 << 30
  private static let largestBatch = 256

  /// Reads nothing yet; `context` brings the seed that sampling draws from.
  package init(_ model: Model, _ context: ComputeContext) {
    self.model = model
    self.context = context
  }

  /// Continues each prompt; the answer holds the new tokens only, in the order of the prompts.
  ///
  /// A prompt's result does not depend on which others share its batch, up to rounding: each draws from a generator
  /// of its own, seeded by the context's seed and the prompt's index. Generators of different seeds have none in common.
  /// - Throws: ``ModelError`` for an empty prompt, or where prompt and continuation exceed the model's positions.
  package func generate(_ prompts: [[Int32]], _ options: Options, progress: ProgressHandler? = nil) throws
    -> [[Int32]]
  {
    try generate(prompts, options, variants: [], progress: progress)[0]
  }

  /// Told of each new token as it is chosen: the stream and prompt it belongs to, and its id.
  package typealias TokenHandler = (_ stream: Int, _ prompt: Int, _ token: Int32) -> Void

  /// The same for the model and variants of it together; answers for each stream, the model's own first.
  package func generate(
    _ prompts: [[Int32]], _ options: Options, variants: [ModelVariant], onToken: TokenHandler? = nil,
    progress: ProgressHandler? = nil
  ) throws -> [[[Int32]]] {
    try model.requireDecoder()
    for (index, prompt) in prompts.enumerated() {
      if prompt.isEmpty { throw ModelError(model.path, "prompt \(index + 1) has no tokens") }
      let length = prompt.count + options.maximumNewTokens
      if length > model.configuration.maximumPositions {
        throw ModelError(
          model.path,
          "prompt \(index + 1) and its continuation have \(length) tokens, but the model has "
            + "\(model.configuration.maximumPositions) positions; use a smaller --max-new-tokens")
      }
    }
    var results: [[[Int32]]] = Array(repeating: [], count: variants.count + 1)
    let total = prompts.count * options.maximumNewTokens
    guard options.maximumNewTokens > 0 else { return results.map { _ in prompts.map { _ in [] } } }
    let batches = batches(prompts, options, streams: results.count)
    let shelf = try BlockShelf(
      model, context, rows: results.count * (batches.map(\.count).max() ?? 0))
    for batch in batches {
      let batchResults = try generate(prompts[batch], options, variants, shelf, onToken) { completed in
        progress?(batch.lowerBound * options.maximumNewTokens + completed, total)
      }
      for (stream, texts) in batchResults.enumerated() { results[stream] += texts }
    }
    progress?(total, total)
    return results
  }

  /// Cuts the prompts so that each batch's keys, values and states stay within the budget.
  func batches(_ prompts: [[Int32]], _ options: Options, streams: Int) -> [Range<Int>] {
    var batches: [Range<Int>] = []
    var first = 0
    var tokens = 0
    for (index, prompt) in prompts.enumerated() {
      let added = prompt.count + options.maximumNewTokens
      let bytes =
        streams
        * (KeyValueCache.byteCount(model.configuration, tokens: tokens + added)
          + (index - first + 1) * RecurrentStates.byteCount(model.configuration))
      if index > first,
        bytes > (model.configuration.deltaNet == nil ? Self.cacheBudget : Self.stateBudget)
          || index - first >= Self.largestBatch
      {
        batches.append(first..<index)
        first = index
        tokens = 0
      }
      tokens += added
    }
    if first < prompts.count { batches.append(first..<prompts.count) }
    return batches
  }

  private func generate(
    _ prompts: ArraySlice<[Int32]>, _ options: Options, _ variants: [ModelVariant], _ shelf: BlockShelf,
    _ onToken: TokenHandler?, progress: (Int) -> Void
  ) throws -> [[[Int32]]] {
    let texts = Array(prompts)
    let streams = 0...variants.count
    var results = streams.map { _ in texts.map { _ in [Int32]() } }
    // Every stream draws the same numbers for the same prompt, so that what differs is the model's doing.
    var generators = streams.map { _ in
      prompts.indices.map { SplitMix64(seed: context.seed, stream: options.promptsBefore + $0) }
    }
    var active = streams.map { _ in Array(texts.indices) }
    let session = try DecodingSession(
      model, context, shelf, variants: variants, texts, room: options.maximumNewTokens)
    let choice = TokenChoice(LanguageModelHead(model, context), options.sampling)
    func choose(after residual: ResidualStream) throws -> [Int32] {
      var drawing = streams.flatMap { stream in active[stream].map { generators[stream][$0] } }
      let chosen = try choice.tokens(after: residual, &drawing)
      var row = 0
      for stream in streams {
        for text in active[stream] {
          generators[stream][text] = drawing[row]
          row += 1
        }
      }
      return chosen
    }
    var chosen = try session.prefill(choose)
    for step in 0..<options.maximumNewTokens {
      var row = 0
      for stream in streams {
        for text in active[stream] {
          results[stream][text].append(chosen[row])
          onToken?(stream, prompts.startIndex + text, chosen[row])
          row += 1
        }
        active[stream].removeAll { results[stream][$0].last.map(options.stopTokens.contains) ?? true }
      }
      progress((step + 1) * texts.count)
      guard active.contains(where: { !$0.isEmpty }), step + 1 < options.maximumNewTokens else { break }
      chosen = try session.step(
        streams.map { stream in active[stream].map { (text: $0, token: results[stream][$0].last ?? 0) } },
        choose)
    }
    return results
  }
}
