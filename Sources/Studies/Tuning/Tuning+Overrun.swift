package import Evaluation
package import Storage

extension Tuning {
  /// A cost of an edit that is beyond its budget where the edit is judged, on prompts that did not choose it.
  ///
  /// The search takes the best of many edits by what few prompts say, so that its edit costs more on others than on those.
  package struct Overrun: Sendable, Equatable {
    /// Name of the measure in records.
    package let name: String
    /// Its name for people.
    package let title: String
    /// The change, relative to the base's figure.
    package let change: Double
    /// The largest one allowed, with the sign of a cost.
    package let budget: Double

    /// `{"name", "relative_change", "budget"}`.
    package var json: JSON {
      ["name": .string(name), "relative_change": .double(change), "budget": .double(budget)]
    }
  }
}

extension Tuning.Settings {
  /// Where the first edited model of an evaluation exceeds a budget of the search.
  package func overruns(in summary: EvaluationSummary) -> [Tuning.Overrun] {
    let budgets = [
      "perplexity": budget, "distinct_2": -guardBudget, "continuation_perplexity": continuationBudget,
    ]
    return summary.figures.compactMap { figure in
      guard let budget = budgets[figure.measure.name], let base = figure.base?.value, base > 0,
        let edited = figure.others.first?.estimate.value
      else { return nil }
      let change = edited / base - 1
      // No number is none within the budget.
      let isWithin = budget > 0 ? change <= budget : change >= budget
      return isWithin
        ? nil
        : Tuning.Overrun(
          name: figure.measure.name, title: figure.measure.title, change: change, budget: budget)
    }
  }
}
