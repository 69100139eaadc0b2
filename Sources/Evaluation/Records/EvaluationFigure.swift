internal import Storage

/// One figure of a base and of the models beside it.
package struct EvaluationFigure: Sendable {
  /// How a figure is read.
  package enum Unit: String, Sendable {
    case plain
    /// A share of a whole, shown in percent.
    case share
  }

  /// What is measured.
  package struct Measure: Sendable {
    /// Name in records, such as `perplexity` or `toxicity:builtin`.
    package var name: String
    /// Name for people.
    package var title: String
    package var unit: Unit
    /// Whether changes are relative to the base's figure, rather than differences.
    package var isRelative: Bool
    /// The zero-shot task it is of; nil for anything else.
    package var task: String?
  }

  /// The figure of a model beside the base.
  package struct Comparison: Sendable {
    /// The model's own figure.
    package var estimate: Estimate
    /// Against the base on the same prompts, windows or questions; `nil` for what is itself a comparison, such as KL.
    package var change: Estimate?
    /// Cohen's d of the paired differences; `nil` where it is not defined.
    package var effect: Double?
    /// What may be said about the change.
    package var verdict: Verdict?
  }

  /// What is measured.
  package let measure: Measure
  /// The base's; `nil` for what compares a model with it, such as KL.
  package let base: Estimate?
  /// Those of the models beside it, in their order.
  package let others: [Comparison]

  /// `{"name", "base", "others": [{"estimate", "relative_change" or "difference", "cohen_dz", "verdict"}]}`, each
  /// member where there is one.
  var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("name", .string(measure.name)), ("unit", .string(measure.unit.rawValue)),
    ]
    if let base { members.append(("base", base.json)) }
    let others = others.map { other in
      var members: [(key: String, value: JSON)] = [("estimate", other.estimate.json)]
      if let change = other.change {
        members.append((measure.isRelative ? "relative_change" : "difference", change.json))
      }
      if let effect = other.effect { members.append(("cohen_dz", .double(effect))) }
      if let verdict = other.verdict { members.append(("verdict", .string(verdict.rawValue))) }
      return JSON.object(members)
    }
    if !others.isEmpty { members.append(("others", .array(others))) }
    return .object(members)
  }
}
