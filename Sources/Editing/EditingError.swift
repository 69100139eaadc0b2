/// What stopped an edit: where, what was expected, what was found, what to do.
public struct EditingError: Error, CustomStringConvertible, Sendable {
  /// The file, folder or option at fault.
  public let subject: String
  /// What was expected, what was found, what to do.
  public let reason: String

  /// An error about a file, folder or option.
  package init(_ subject: String, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  public var description: String { "\(subject): \(reason)" }
}
