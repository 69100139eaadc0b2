internal import Evaluation
internal import Foundation

extension LogisticCalibration {
  /// The line that makes probabilities of logits fit labels best, by cross-entropy (Platt 1999, with soft labels).
  ///
  /// By Newton's method, which needs a few steps on a convex function of two numbers.
  init(logits: [Double], labels: [Double]) {
    var line = LogisticCalibration(slope: 1, intercept: 0)
    for _ in 0..<100 {
      var (gradientSlope, gradientIntercept) = (0.0, 0.0)
      var (slopeSlope, slopeIntercept, interceptIntercept) = (1e-9, 0.0, 1e-9)
      for (logit, label) in zip(logits, labels) {
        let probability = line.probability(logit)
        let curvature = probability * (1 - probability)
        gradientSlope += (probability - label) * logit
        gradientIntercept += probability - label
        slopeSlope += curvature * logit * logit
        slopeIntercept += curvature * logit
        interceptIntercept += curvature
      }
      let determinant = slopeSlope * interceptIntercept - slopeIntercept * slopeIntercept
      let stepSlope = (interceptIntercept * gradientSlope - slopeIntercept * gradientIntercept) / determinant
      let stepIntercept = (slopeSlope * gradientIntercept - slopeIntercept * gradientSlope) / determinant
      line.slope -= stepSlope
      line.intercept -= stepIntercept
      if abs(stepSlope) + abs(stepIntercept) < 1e-12 { break }
    }
    self = line
  }
}
