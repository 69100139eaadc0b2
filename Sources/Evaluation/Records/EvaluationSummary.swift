package import Storage

/// What an evaluation amounts to: figures of the base, and of the models beside it as paired differences.
package struct EvaluationSummary: Sendable {
  /// What a figure measures.
  package typealias Measure = EvaluationFigure.Measure

  /// The figures, in the order they are reported.
  package private(set) var figures: [EvaluationFigure] = []
  private let bootstrap: Bootstrap

  /// Nothing yet.
  package init(_ bootstrap: Bootstrap = Bootstrap()) { self.bootstrap = bootstrap }

  /// The figures as records.
  package var json: JSON { .array(figures.map(\.json)) }

  /// Adds perplexity, KL from the base and agreement with it.
  ///
  /// - Parameter scores: by model, the base's first.
  package mutating func add(windows scores: [[WindowScore]], weighting: Perplexity.Weighting = .tokens) {
    let scored = scores.map { $0.filter { $0.tokens > 0 } }
    let counts = scored[0].map { Double($0.tokens) }
    // A window's weight and what it contributes under that weight.
    let weights = weighting == .tokens ? counts : counts.map { _ in 1 }
    func contributions(_ model: Int, _ value: (WindowScore) -> Double) -> [Double] {
      zip(scored[model], zip(weights, counts)).map { value($0) * $1.0 / $1.1 }
    }
    let losses = scored.indices.map { contributions($0, \.negativeLogLikelihood) }
    addPerplexity(
      Measure(name: "perplexity", title: "perplexity", unit: .plain, isRelative: true), losses, weights)
    guard scores.count > 1 else { return }
    func addAgainstBase(_ measure: Measure, _ value: (WindowScore) -> Double) {
      let others = scored.indices.dropFirst().map { model in
        EvaluationFigure.Comparison(estimate: bootstrap.ratio(of: contributions(model, value), to: weights))
      }
      figures.append(EvaluationFigure(measure: measure, base: nil, others: others))
    }
    addAgainstBase(
      Measure(name: "kl_from_base", title: "KL(base‖edited), nats a token", unit: .plain, isRelative: false),
      \.divergence)
    addAgainstBase(
      Measure(
        name: "top_token_agreement", title: "same most probable token", unit: .share, isRelative: false)
    ) { Double($0.agreeing) }
  }

  /// Adds toxicity by every scorer, and the guards beside it: length, repetition, perplexity under the base.
  ///
  /// - Parameter continuations: by prompt, by model, by sample.
  package mutating func add(_ continuations: [[[Continuation]]]) {
    guard let first = continuations.first?.first?.first else { return }
    let models = continuations[0].indices
    for (index, scorer) in first.scores.map(\.scorer).enumerated() {
      let shown = Self.withoutFolders(scorer)
      let toxicity = models.map { model in
        ContinuationToxicity(scores: continuations.map { $0[model].map { $0.scores[index].score } })
      }
      addMeans(
        Measure(
          name: "toxicity:\(scorer)", title: "toxicity (\(shown))", unit: .share, isRelative: true),
        toxicity.map(\.means))
      if continuations[0][0].count > 1 {
        addMeans(
          Measure(
            name: "expected_maximum_toxicity:\(scorer)", title: "expected maximum toxicity (\(shown))",
            unit: .share, isRelative: true), toxicity.map(\.maxima))
      }
      addShares(
        Measure(
          name: "toxicity_probability:\(scorer)", title: "prompts with toxic text (\(shown))",
          unit: .share, isRelative: false), toxicity.map(\.toxic))
    }
    let byPrompt = models.map { model in continuations.map { $0[model] } }
    addMeans(
      Measure(name: "length", title: "length, tokens", unit: .plain, isRelative: false),
      byPrompt.map { $0.map { $0.reduce(0) { $0 + Double($1.ids.count) } / Double($0.count) } })
    addDistinctBigrams(byPrompt)
    addContinuationPerplexity(byPrompt)
  }

  /// A scorer's name for people: of a program's command, the files' names alone.
  private static func withoutFolders(_ name: String) -> String {
    guard name.hasPrefix("exec:") else { return name }
    return "exec:"
      + name.dropFirst(5).split(separator: " ").map { $0.split(separator: "/").last ?? $0 }.joined(
        separator: " ")
  }

  /// Adds a task's metrics.
  ///
  /// - Parameter results: by model, the base's first.
  package mutating func add(_ results: [TaskResult]) {
    for metric in results[0].task.metrics {
      let task = results[0].task.rawValue
      let measure = Measure(
        name: "\(task):\(metric.rawValue)", title: "\(task) \(metric.rawValue)",
        unit: metric == .perplexity ? .plain : .share, isRelative: metric == .perplexity, task: task)
      let values = results.map { $0.values(of: metric) }
      if metric == .perplexity {
        addPerplexity(measure, values.map { $0.map { -$0 } }, values[0].map { _ in 1 })
        continue
      }
      addShares(measure, values)
    }
  }

  /// Shares of units of which each is 1 or 0, compared by which units changed.
  private mutating func addShares(_ measure: Measure, _ values: [[Double]]) {
    let others = values.dropFirst().map { other in
      let paired = PairedAccuracy(base: values[0].map { $0 == 1 }, edited: other.map { $0 == 1 })
      return EvaluationFigure.Comparison(
        estimate: bootstrap.share(other), change: paired.difference(), verdict: paired.verdict())
    }
    figures.append(EvaluationFigure(measure: measure, base: bootstrap.share(values[0]), others: others))
  }

  /// exp(Σ losses / Σ weights) of each model.
  private mutating func addPerplexity(_ measure: Measure, _ losses: [[Double]], _ weights: [Double]) {
    let others = losses.dropFirst().map { other in
      let change = bootstrap.perplexityChange(base: losses[0], edited: other, tokens: weights)
      return EvaluationFigure.Comparison(
        estimate: bootstrap.perplexity(negativeLogLikelihoods: other, tokens: weights), change: change,
        effect: EffectSize.cohenDz(
          base: zip(losses[0], weights).map { $0 / $1 }, edited: zip(other, weights).map { $0 / $1 }
        ).finite, verdict: change.verdict)
    }
    let base = bootstrap.perplexity(negativeLogLikelihoods: losses[0], tokens: weights)
    figures.append(EvaluationFigure(measure: measure, base: base, others: others))
  }

  /// Means over the same units.
  private mutating func addMeans(_ measure: Measure, _ values: [[Double]]) {
    let others = values.dropFirst().map { other in
      let change =
        measure.isRelative
        ? bootstrap.relativeChange(base: values[0], edited: other)
        : bootstrap.difference(base: values[0], edited: other)
      return EvaluationFigure.Comparison(
        estimate: bootstrap.mean(other), change: change,
        effect: EffectSize.cohenDz(base: values[0], edited: other).finite, verdict: change.verdict)
    }
    figures.append(EvaluationFigure(measure: measure, base: bootstrap.mean(values[0]), others: others))
  }

  /// Distinct bigrams within each continuation ÷ its bigrams.
  private mutating func addDistinctBigrams(_ continuations: [[[Continuation]]]) {
    let counts = continuations.map { prompts in
      let texts = prompts.map { Diversity(of: $0.map(\.ids), n: 2) }
      return (
        distinct: texts.map { $0.distinct.reduce(0, +) }, total: texts.map { $0.total.reduce(0, +) }
      )
    }
    addRatios(
      Measure(name: "distinct_2", title: "distinct bigrams", unit: .share, isRelative: false),
      counts.map { ($0.distinct, $0.total) }
    ) { $1 - $0 }
  }

  /// Perplexity of the continuations under the base: exp(Σ nll / Σ tokens).
  private mutating func addContinuationPerplexity(_ continuations: [[[Continuation]]]) {
    let parts = continuations.map { prompts in
      (
        losses: prompts.map { $0.reduce(0) { $0 + $1.baseLoss } },
        tokens: prompts.map { $0.reduce(0) { $0 + Double($1.ids.count) } }
      )
    }
    let measure = Measure(
      name: "continuation_perplexity", title: "perplexity of texts under the base", unit: .plain,
      isRelative: true)
    addRatios(measure, parts.map { ($0.losses, $0.tokens) }, shown: exponential) {
      exponential($1 - $0) - 1
    }
  }

  /// Ratios of sums over the same units, each model with a denominator of its own.
  ///
  /// - Parameters:
  ///   - shown: what becomes of the ratio itself; increasing.
  ///   - change: from the base's ratio and the other model's.
  private mutating func addRatios(
    _ measure: Measure, _ parts: [(numerators: [Double], denominators: [Double])],
    shown: (Double) -> Double = { $0 }, change: (_ base: Double, _ other: Double) -> Double
  ) {
    func estimate(_ model: Int) -> Estimate {
      bootstrap.ratio(of: parts[model].numerators, to: parts[model].denominators).mapped(shown)
    }
    let others = parts.indices.dropFirst().map { model in
      let change = bootstrap.estimate([
        parts[0].numerators, parts[0].denominators, parts[model].numerators, parts[model].denominators,
      ]) { sums, _ in change(sums[0] / sums[1], sums[2] / sums[3]) }
      return EvaluationFigure.Comparison(
        estimate: estimate(model), change: change, verdict: change.verdict)
    }
    figures.append(EvaluationFigure(measure: measure, base: estimate(0), others: others))
  }
}

extension Double {
  fileprivate var finite: Double? { isFinite ? self : nil }
}
