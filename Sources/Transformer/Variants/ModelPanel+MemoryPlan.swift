package import Kernels

extension ModelPanel {
  /// What ``score(_:_:rows:targets:progress:)`` will hold at most, for `rows` scored rows of `forest`.
  package func memoryPlan(_ context: ComputeContext, _ forest: TokenForest, rows: Int) throws -> MemoryPlan {
    var plan = try largestPlan(context, forest)
    let configuration = base.configuration
    let (hidden, width) = (configuration.hidden, configuration.embeddingWidth ?? configuration.hidden)
    if count > 1 {
      plan.add(
        .init("residual streams of \(count - 1) other models", (count - 1) * forest.tokens.count * hidden * 4)
      )
    }
    let operands = count * rows * width * context.precision.elementBytes
    plan.add(.init("\(rows) rows to score, of every model", operands + rows * hidden * 4))
    // A slice of each output matrix, and logits of two models.
    let slice = min(configuration.vocabulary, SlicedHead.sliceTokens)
    plan.add(
      .init(
        "slices of output matrices and their logits",
        count * slice * width * context.precision.elementBytes + 2 * min(rows, SlicedHead.sliceRows) * slice
          * 4))
    return plan
  }

  /// What ``generate(_:_:_:progress:)`` will hold at most, in the neediest batch of `prompts`.
  package func memoryPlan(
    _ context: ComputeContext, continuing prompts: [[Int32]], _ options: Decoder.Options
  ) throws -> MemoryPlan? {
    let plans = try groups.compactMap { group -> MemoryPlan? in
      try Decoder(group.model, context).memoryPlan(prompts, options, variants: group.variants.count)
    }
    return plans.max { $0.total < $1.total }
  }

  /// The pass of the neediest of the models that stand by themselves: they run one after another.
  private func largestPlan(_ context: ComputeContext, _ forest: TokenForest) throws -> MemoryPlan {
    var largest = try MemoryPlan(base, context, forest)
    for group in groups.dropFirst() {
      let plan = try MemoryPlan(group.model, context, forest)
      if plan.total > largest.total { largest = plan }
    }
    return largest
  }
}

extension Decoder {
  /// What continuing `prompts` will hold at most, in the neediest batch; `nil` where there are none.
  ///
  /// - Parameter variants: how many run beside the model.
  func memoryPlan(_ prompts: [[Int32]], _ options: Options, variants: Int) throws -> MemoryPlan? {
    let configuration = model.configuration
    func tokens(_ batch: Range<Int>) -> Int {
      prompts[batch].reduce(0) { $0 + $1.count + options.maximumNewTokens }
    }
    func carried(_ batch: Range<Int>) -> Int {
      KeyValueCache.byteCount(configuration, tokens: tokens(batch))
        + batch.count * RecurrentStates.byteCount(configuration)
    }
    guard let batch = batches(prompts, options, streams: variants + 1).max(by: { carried($0) < carried($1) })
    else { return nil }
    let forest = TokenForest(Array(prompts[batch]), chunkTokens: ForwardPass.chunkTokens)
    var plan = try MemoryPlan(model, context, forest)
    if variants > 0 {
      plan.add(
        .init(
          "residual streams of \(variants) other models",
          variants * forest.tokens.count * configuration.hidden * 4))
    }
    plan.add(
      .init(
        "\(configuration.deltaNet == nil ? "keys and values" : "keys, values and states") of \(batch.count) prompts",
        (variants + 1) * carried(batch)))
    plan.add(.init("weights of all blocks, kept from step to step", try BlockShelf.keptBytes(model, context)))
    let rows = (variants + 1) * batch.count
    let kept = TokenChoice.keptLogits(model, options.sampling, rows: rows)
    let slice = min(configuration.vocabulary, SlicedHead.sliceTokens)
    let width = configuration.embeddingWidth ?? configuration.hidden
    plan.add(
      .init(
        "a slice of the output matrix, and logits",
        slice * width * context.precision.elementBytes
          + (min(rows, SlicedHead.sliceRows) * slice + kept) * 4))
    return plan
  }
}
