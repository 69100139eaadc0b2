internal import Evaluation
internal import Storage

/// A study as data: what is varied, what is fixed, what is measured, and what was published of it.
///
/// `Documentation/Studies.md` describes the form.
package struct StudySpecification: Sendable {
  /// What the sweeps are about.
  package enum Content: Sendable {
    /// A model, changed and measured.
    case model([StudySweep<EditSettings>])
    /// Draws of the paper's factor model, without any language model.
    case factorModel([StudySweep<FactorSettings>])
  }

  /// Its title.
  package let title: String
  /// Subsets of the pairs, or draws, that every point is repeated on.
  package let subsets: Int
  /// Its sweeps.
  package let content: Content
  /// The kinds of prompts, in the order of the figures; none where prompts are of one kind.
  package let categories: [PromptCategory]

  /// What can be measured of a model.
  ///
  /// `toxicity`, `toxicity_probability` and `token_toxicity` are by each scorer; `seconds` and `peak_memory` of the fit or the
  /// training, each run by itself; the last two of the subspace's directions.
  package static let modelMeasures = [
    "toxicity", "toxicity_probability", "perplexity", "kl_from_base", "distinct_2", "continuation_perplexity",
    "length", "seconds", "peak_memory", "tokens", "token_toxicity",
  ]

  /// What can be measured of a model for each category of prompts, by each scorer.
  package static let categoryMeasures = ["toxicity_by_category", "toxicity_probability_by_category"]

  /// What can be measured of a draw: the largest angle's sine, beside its bound.
  package static let factorMeasures = ["recovery"]

  /// Reads a specification.
  ///
  /// - Parameters:
  ///   - overrides: an object of settings that take the place of fixed ones.
  ///   - subsets: takes the place of the specification's own.
  /// - Throws: ``StudyError`` with the place that is not as it should be.
  package init(_ field: SpecificationField, overrides: SpecificationField? = nil, subsets: Int? = nil) throws
  {
    let members = try field.members(among: ["title", "about", "subsets", "fixed", "prompts", "sweeps"])
    guard let title = members["title"], let about = members["about"], let sweeps = members["sweeps"] else {
      throw field.error(expected: "an object with \"title\", \"about\" and \"sweeps\"")
    }
    self.title = try title.text
    self.subsets = try subsets ?? members["subsets"]?.count(1...1000) ?? 1
    let fixed = members["fixed"]
    categories = try members["prompts"].map { try PromptCategory.list($0) } ?? []
    switch try about.text {
    case "model":
      let read = try sweeps.list.map {
        try StudySweep(
          $0, fixed: fixed, overrides: overrides, measures: Self.modelMeasures + Self.categoryMeasures)
          as StudySweep<EditSettings>
      }
      if categories.isEmpty,
        let measure = read.flatMap(\.measures).first(where: { Self.categoryMeasures.contains($0) })
      {
        throw StudyError(
          field.source, "at sweeps: \(measure) needs \"prompts\", a list of categories, beside \"sweeps\"")
      }
      content = .model(read)
    case "factor-model":
      if let prompts = members["prompts"] {
        throw prompts.error(expected: "no prompts in a study without a model")
      }
      content = .factorModel(
        try sweeps.list.map {
          try StudySweep($0, fixed: fixed, overrides: overrides, measures: Self.factorMeasures)
        })
    default: throw about.error(expected: "model or factor-model")
    }
  }
}
