/// What stopped a training run or the analysis of a gradient.
package struct TrainingError: Error, CustomStringConvertible, Sendable {
  /// The file, folder or option at fault.
  package let subject: String
  /// What was expected, what was found, what to do.
  package let reason: String

  /// An error about a file, folder or option.
  package init(_ subject: String, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  package var description: String { "\(subject): \(reason)" }
}
