internal import CScorerWeights
internal import Checkpoints
internal import Foundation

/// The built-in scorer: a small network over the words of a text and the n-grams of their letters, in English.
///
/// Its probabilities are calibrated on RealToxicityPrompts: 0.5 is where Perspective's toxicity crosses 0.5.
/// `Documentation/Scorers.md` says what it was trained on, how well it does, and where it errs.
package struct NGramScorer: ToxicityScorer, Sendable {
  /// Its features, network and the line that makes calibrated log-odds of logits.
  package let features: NGramFeatures
  package let network: NGramNetwork
  package let calibration: LogisticCalibration
  package let identity: ScorerIdentity

  /// A scorer of these parts.
  package init(
    features: NGramFeatures, network: NGramNetwork, calibration: LogisticCalibration,
    identity: ScorerIdentity
  ) {
    precondition(network.table.count == NGramNetwork.width << features.bits)
    (self.features, self.network) = (features, network)
    (self.calibration, self.identity) = (calibration, identity)
  }

  /// The scorer whose weights are part of this program.
  package static func builtin() throws -> NGramScorer {
    var count = 0
    let start = profs_scorer_weights(&count)
    return try NGramScorer(
      weights: UnsafeRawBufferPointer(start: start, count: count), path: "the built-in scorer's weights")
  }

  /// The calibrated probability of each text; 0 for one without words.
  package func scores(for texts: [String]) -> [Double] {
    var rows = NGramFeatures.Rows()
    var activations = NGramNetwork.Activations()
    return texts.map { text in
      features.rows(of: ScoredWords(text), into: &rows)
      // A text without words cannot offend.
      guard !rows.ends.isEmpty else { return 0 }
      return calibration.probability(Double(network.logit(rows, &activations)))
    }
  }
}

/// Platt's calibration: the probability is the logistic function of a line over the logits.
package struct LogisticCalibration: Sendable, Equatable {
  /// Slope and intercept of the line.
  package var slope: Double
  package var intercept: Double

  /// The line `slope` · logit + `intercept`.
  package init(slope: Double, intercept: Double) {
    (self.slope, self.intercept) = (slope, intercept)
  }

  /// The calibrated probability of a logit.
  package func probability(_ logit: Double) -> Double {
    1 / (1 + exp(-(slope * logit + intercept)))
  }
}
