internal import Editing
internal import Evaluation
internal import Kernels
internal import Storage
internal import Training
package import Transformer

extension EditStudy {
  /// What the neediest part of the work on `plan` will hold at most, scorers left out; `nil` where all of it is in the log.
  package func memoryPlan(_ plan: StudyPlan) throws -> MemoryPlan? {
    let units = units(plan).filter { !log.holds($0.name) }
    guard !units.isEmpty else { return nil }
    let measured = units.filter { $0.kind == .models }.flatMap(\.points)
    let fitted = Self.distinct(units.filter { $0.kind != .cost }.flatMap(\.points))
    let costed = units.filter { $0.kind == .cost }.flatMap(\.points)
    let subspaces = StudySubspaces(inputs: inputs)
    var plans = try subspaces.memoryPlans(
      together: fitted.filter { $0.settings.method == .profs },
      alone: costed.filter { $0.settings.method == .profs })
    if let point = (measured + costed).filter({ $0.settings.method == .dpo })
      .max(by: { $0.settings.validation < $1.settings.validation })
    {
      plans.append(
        PreferenceTraining.memoryPlan(
          inputs.model, .paper, inputs.context.precision, pairs: inputs.pairs.scored,
          validates: point.settings.validation > 0))
    }
    if units.contains(where: { $0.kind == .models }), let evaluation = try evaluationPlan(measured) {
      plans.append(evaluation)
    }
    return plans.max { $0.total < $1.total }
  }

  /// What measuring takes, of as many edits as run together.
  private func evaluationPlan(_ points: [StudyPoint]) throws -> MemoryPlan? {
    let configuration = inputs.model.configuration
    let edits = points.filter { $0.settings.method == .profs && $0.settings.weights == .values }
    let variants = try edits.prefix(Self.pointsPerPass).map { point in
      let recipe = try point.settings.editRecipe(
        blocks: configuration.blocks, hidden: configuration.hidden,
        pairs: point.settings.pairs ?? inputs.pairs.count)
      return ModelPanel.Other.variant(
        try EditSubspace.standIn(recipe, for: inputs.model).variant(strength: 1))
    }
    let panel = try ModelPanel(base: inputs.model, others: variants)
    let measured = inputs.measured
    return try Evaluation(
      panel, tokenizer: inputs.tokenizer, inputs.context, log: try RecordLog(path: nil, settings: nil)
    ).memoryPlan(
      measured.windows, prompts: measured.prompts, samples: measured.samples, measured.decoding,
      hasTasks: false
    )
  }
}
