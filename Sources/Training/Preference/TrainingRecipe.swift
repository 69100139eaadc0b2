/// What is minimised and how.
package struct TrainingRecipe: Sendable, Hashable {
  /// The loss of a pair.
  package var loss = PreferenceLoss()
  /// How gradients become steps.
  package var optimizer = OptimizerKind.standardRMSProp
  /// The learning rate after the warm-up.
  package var learningRate = 1e-6
  /// Steps over which the rate rises: at step t, from 0, it is the rate times min(1, (t + 1)/(warm-up + 1)).
  package var warmup = 150
  /// The largest norm of a step's gradient, which is scaled down to it; `nil` for none.
  package var clip: Double? = 10
  /// Pairs that are computed together.
  package var batch = 4
  /// Batches of a step.
  package var accumulation = 1
  /// How often every pair is seen.
  package var epochs = 1
  /// Steps after which the run ends in any case; `nil` for no such bound.
  package var maximumSteps: Int?
  /// Steps between looks at the validation pairs.
  package var validationInterval = 25
  /// Looks without a lower validation loss after which the run ends; `nil` for never.
  package var patience: Int? = 10
  /// Whether the pairs come in an order drawn from the seed, another one each epoch.
  package var shuffles = true

  /// The paper's hyper-parameters for GPT-2; how often it looks at the validation pairs it does not say.
  package static let paper = TrainingRecipe()

  /// The paper's hyper-parameters, to be changed from there.
  package init() {}

  /// Pairs of a step.
  package var pairsPerStep: Int { batch * accumulation }

  /// The learning rate of a step, counted from 0.
  package func rate(atStep step: Int) -> Double {
    learningRate * min(1, Double(step + 1) / Double(warmup + 1))
  }
}

/// How far a run has come.
package struct TrainingState: Sendable, Hashable {
  /// Steps taken.
  package var step = 0
  /// The lowest validation loss so far.
  package var bestLoss = Double.infinity
  /// The step after which it was found.
  package var bestStep = 0
  /// Validations since then.
  package var validationsSinceBest = 0
}

/// What was found in a step.
package struct StepRecord: Sendable, Hashable {
  /// The step, from 1.
  package var step: Int
  /// Mean loss of the step's pairs before the step.
  package var loss: Double
  /// β times their mean margin over the reference.
  package var margin: Double
  /// The share of them with a margin above 0.
  package var accuracy: Double
  /// ‖gradient‖ before it was clipped.
  package var gradientNorm: Double
  /// The learning rate of the step.
  package var rate: Double
}

/// What was found on the validation pairs.
package struct ValidationRecord: Sendable, Hashable {
  /// Steps taken before.
  package var step: Int
  /// Mean loss.
  package var loss: Double
  /// β times the mean margin over the reference.
  package var margin: Double
  /// The share of pairs with a margin above 0.
  package var accuracy: Double
}
