internal import Editing
package import Evaluation
internal import Kernels
internal import Storage
package import Transformer

/// A study of a model: every point is changed as its settings say, and measured as `profs eval` measures.
///
/// Edits of what MLPs write run beside the base, many in one pass; the other models one by one. What was measured is kept by a
/// digest of the settings, so that a run that was stopped, or a specification that was extended, goes on.
package struct EditStudy {
  /// Measures peak memory: runs the work it is given, and answers bytes.
  package typealias MemoryProbe = (_ work: () throws -> Void) throws -> Int

  /// What is changed and measured.
  let inputs: StudyInputs
  /// Keeps what was measured.
  let log: RecordLog
  private let probe: MemoryProbe

  /// Edits of one pass.
  static let pointsPerPass = 12

  /// Records of studies.
  package static let format = RecordLog.Format(name: "profs-study", version: 1, job: "a study")

  /// - Parameters:
  ///   - log: keeps what was measured.
  ///   - probe: measures peak memory.
  package init(_ inputs: StudyInputs, log: RecordLog, probe: @escaping MemoryProbe) {
    (self.inputs, self.log, self.probe) = (inputs, log, probe)
  }

  /// Measures every point of `plan`.
  ///
  /// - Parameter progress: told of thousandths of the whole.
  package func run(_ plan: StudyPlan, progress: ProgressHandler? = nil) throws -> [SweepResult] {
    let units = units(plan)
    let missing = Self.distinct(
      units.filter { !log.holds($0.name) && $0.kind != .cost }.flatMap(\.points)
        .filter { $0.settings.method == .profs })
    let parts = units.count + 1
    func report(_ part: Int) -> ProgressHandler {
      { progress?(1000 * part + 1000 * $0 / max(1, $1), 1000 * parts) }
    }
    let subspaces = try StudySubspaces(inputs: inputs).fitted(missing, progress: report(0))
    var measured: [StudyPoint: [String: Estimate]] = [:]
    var read: [StudyPoint: DirectionTokens] = [:]
    var base: [String: Estimate] = [:]
    for (index, unit) in units.enumerated() {
      let record = try log.unit(unit.name) {
        switch unit.kind {
        case .models: try measure(unit.points, subspaces, progress: report(index + 1))
        case .cost: .array([try cost(of: unit.points[0])])
        case .tokens: try tokens(of: unit.points, subspaces, progress: report(index + 1))
        case .vocabulary: .array([try vocabulary()])
        }
      }
      var elements = record.elements[...]
      if unit.kind.hasBase, let first = elements.popFirst() {
        base.merge(try figures(first)) { old, _ in old }
      }
      for (point, element) in zip(unit.points, elements) {
        let isRead = unit.kind == .tokens
        measured[point, default: [:]].merge(try figures(isRead ? element["figures"] ?? .null : element)) {
          $1
        }
        if isRead { read[point] = try log.read(element["tokens"] ?? .null) { DirectionTokens($0) } }
      }
    }
    return plan.cells.map { sweep in
      SweepResult(
        cells: sweep.map { row in
          row.map { cell in
            SweepResult.Cell(
              settings: cell.settings.json,
              repeats: cell.points.compactMap { $0.settings.method == .none ? base : measured[$0] },
              tokens: cell.points.compactMap { read[$0] })
          }
        }, base: base.isEmpty ? nil : base)
    }
  }

  private func figures(_ record: JSON) throws -> [String: Estimate] {
    try log.read(record) { [String: Estimate](record: $0) }
  }

  /// The tokens that the directions of `points` raise, with their scores.
  private func tokens(
    of points: [StudyPoint], _ subspaces: [StudyPoint: EditSubspace], progress: @escaping ProgressHandler
  ) throws -> JSON {
    .array(
      try points.enumerated().map { index, point in
        let tokens = try DirectionTokens(try subspace(of: point, subspaces), inputs.model, inputs.context)
        progress(index + 1, points.count)
        return ["tokens": tokens.json, "figures": try toxicity(of: tokens.directions.flatMap(\.self))]
      })
  }

  /// What those scores are compared with: the same of tokens drawn at random.
  private func vocabulary() throws -> JSON {
    try toxicity(
      of: DirectionTokens.sample(
        inputs.tokenizer, vocabulary: inputs.model.configuration.vocabulary, seed: inputs.context.seed))
  }

  /// The mean score of `tokens`, each read as a text of its own, by each scorer: figures of a record.
  private func toxicity(of tokens: [String]) throws -> JSON {
    .object(
      try inputs.measured.scorers.map { scorer in
        let scores = try scorer.scores(for: tokens)
        let mean = scores.reduce(0, +) / Double(max(1, scores.count))
        return ("token_toxicity:" + scorer.name, Estimate.exact(mean).json)
      })
  }

  private func subspace(of point: StudyPoint, _ subspaces: [StudyPoint: EditSubspace]) throws -> EditSubspace
  {
    guard let subspace = subspaces[point] else {
      throw StudyError(log.name, "a subspace of the study was not fitted; remove the file and run again")
    }
    return subspace
  }

  /// Measures the base and the models of `points`.
  private func measure(
    _ points: [StudyPoint], _ subspaces: [StudyPoint: EditSubspace], progress: @escaping ProgressHandler
  ) throws -> JSON {
    let others = try points.map { point -> ModelPanel.Other in
      guard point.settings.method == .profs else {
        return .model(try StudyTraining(inputs: inputs).model(point))
      }
      let subspace = try subspace(of: point, subspaces)
      return point.settings.weights == .keys
        ? .model(try KeyEdit(inputs.model, removing: subspace, strength: point.settings.strength).model)
        : .variant(try subspace.variant(strength: point.settings.strength))
    }
    let panel = try ModelPanel(base: inputs.model, others: others)
    let bootstrap = Bootstrap(seed: inputs.context.seed)
    var parts: [(name: String, figure: EvaluationFigure)] = []
    let evaluation = Evaluation(
      panel, tokenizer: inputs.tokenizer, inputs.context, log: try RecordLog(path: nil, settings: nil))
    var summary = EvaluationSummary(bootstrap)
    let measured = inputs.measured
    if let windows = measured.windows {
      let scores = try evaluation.windowScores(windows) { progress($0, 2 * $1) }
      summary.add(windows: scores, weighting: measured.weighting)
    }
    if !measured.prompts.isEmpty {
      let continuations = try evaluation.continuations(
        of: measured.prompts, samples: measured.samples, measured.decoding, scorers: measured.scorers
      ) { progress($1 + $0, 2 * $1) }
      summary.add(continuations)
      for (category, prompts) in measured.categories {
        var part = EvaluationSummary(bootstrap)
        part.add(Array(continuations[prompts]))
        parts += part.figures.compactMap { figure -> (name: String, figure: EvaluationFigure)? in
          let words = figure.measure.name.split(separator: ":", maxSplits: 1).map(String.init)
          guard words.count == 2 else { return nil }
          let measure = words[0] + "_by_category"
          guard StudySpecification.categoryMeasures.contains(measure) else { return nil }
          return (PromptCategory.key(measure, category, scorer: words[1]), figure)
        }
      }
    }
    let named = summary.figures.map { (name: $0.measure.name, figure: $0) } + parts
    return .array(
      (0...points.count).map { model in
        .object(
          named.compactMap { name, figure in
            let estimate = model == 0 ? figure.base : figure.others[model - 1].estimate
            return estimate.map { (name, $0.json) }
          })
      })
  }

  /// What a fit, or a training, takes when it runs by itself, the reading of pairs and the writing of a model left out.
  private func cost(of point: StudyPoint) throws -> JSON {
    let start = ContinuousClock.now
    let bytes = try probe {
      if point.settings.method == .dpo {
        _ = try StudyTraining(inputs: inputs).model(point)
      } else {
        _ = try StudySubspaces(inputs: inputs).alone(point)
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return ["seconds": Estimate.exact(seconds).json, "peak_memory": Estimate.exact(Double(bytes)).json]
  }
}

extension [String: Estimate] {
  /// What stands in a record; `nil` for anything else.
  fileprivate init?(record: JSON) {
    guard case .object(let members) = record else { return nil }
    self.init()
    for member in members.list {
      guard let estimate = Estimate(member.value) else { return nil }
      self[member.key] = estimate
    }
  }
}
