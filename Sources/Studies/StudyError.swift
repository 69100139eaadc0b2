/// What stopped a study: where, what was expected, what was found, what to do.
package struct StudyError: Error, CustomStringConvertible, Sendable {
  /// The specification, file or option at fault.
  package let subject: String
  /// What was expected, what was found, what to do.
  package let reason: String

  /// An error about a specification, file or option.
  package init(_ subject: String, _ reason: String) {
    (self.subject, self.reason) = (subject, reason)
  }

  package var description: String { "\(subject): \(reason)" }
}
