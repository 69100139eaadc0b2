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

  /// Points that are measured together.
  struct Unit {
    /// Its name in the log.
    var name: String
    /// The points.
    var points: [StudyPoint]
    /// Whether time and memory are measured, not the model.
    var isCost = false
  }

  /// Measures every point of `plan`.
  ///
  /// - Parameter progress: told of thousandths of the whole.
  package func run(_ plan: StudyPlan, progress: ProgressHandler? = nil) throws -> [SweepResult] {
    let units = units(plan)
    let missing = units.filter { !log.holds($0.name) && !$0.isCost }.flatMap(\.points)
      .filter { $0.settings.method == .profs }
    let parts = units.count + 1
    func report(_ part: Int) -> ProgressHandler {
      { progress?(1000 * part + 1000 * $0 / max(1, $1), 1000 * parts) }
    }
    let subspaces = try StudySubspaces(inputs: inputs).fitted(missing, progress: report(0))
    var measured: [StudyPoint: [String: Estimate]] = [:]
    var base: [String: Estimate]?
    for (index, unit) in units.enumerated() {
      let record = try log.unit(unit.name) {
        unit.isCost
          ? .array([try cost(of: unit.points[0])])
          : try measure(unit.points, subspaces, progress: report(index + 1))
      }
      let models = try record.elements.map { try log.read($0) { [String: Estimate](record: $0) } }
      if !unit.isCost, base == nil { base = models.first }
      for (point, estimates) in zip(unit.points, unit.isCost ? models : Array(models.dropFirst())) {
        measured[point, default: [:]].merge(estimates) { $1 }
      }
    }
    return plan.cells.map { sweep in
      SweepResult(
        cells: sweep.map { row in
          row.map { cell in
            SweepResult.Cell(
              settings: cell.settings.json,
              repeats: cell.points.compactMap { $0.settings.method == .none ? base : measured[$0] })
          }
        }, base: base)
    }
  }

  /// The parts of the work.
  ///
  /// The base is measured with each, so a study of nothing else has one of no points.
  func units(_ plan: StudyPlan) -> [Unit] {
    func name(_ kind: String, _ points: some Sequence<StudyPoint>) -> String {
      "\(kind)/" + Fingerprint.texts(points.map { $0.json.serialized() })
    }
    let variants = plan.measured.filter { $0.settings.method == .profs && $0.settings.weights == .values }
    let others = plan.measured.filter {
      $0.settings.method == .dpo || $0.settings.method == .profs && $0.settings.weights == .keys
    }
    var units = stride(from: 0, to: variants.count, by: Self.pointsPerPass).map {
      let points = Array(variants[$0..<min($0 + Self.pointsPerPass, variants.count)])
      return Unit(name: name("edits", points), points: points)
    }
    units += others.map { Unit(name: name("model", [$0]), points: [$0]) }
    if units.isEmpty, plan.measuresBase { units = [Unit(name: name("base", []), points: [])] }
    // Memory that training leaves to the allocator must not count against a fit.
    let costs =
      plan.costed.filter { $0.settings.method == .profs } + plan.costed.filter { $0.settings.method == .dpo }
    return costs.map { Unit(name: name("cost", [$0]), points: [$0], isCost: true) } + units
  }

  /// Measures the base and the models of `points`.
  private func measure(
    _ points: [StudyPoint], _ subspaces: [StudyPoint: EditSubspace], progress: @escaping ProgressHandler
  ) throws -> JSON {
    let others = try points.map { point -> ModelPanel.Other in
      guard point.settings.method == .profs else {
        return .model(try StudyTraining(inputs: inputs).model(point))
      }
      guard let subspace = subspaces[point] else {
        throw StudyError(log.name, "a subspace of the study was not fitted; remove the file and run again")
      }
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
