internal import Foundation

/// What stopped an evaluation: where, what was expected, what was found, what to do.
public struct EvaluationError: Error, CustomStringConvertible, Sendable {
  /// The file, text or option at fault.
  public let subject: String
  /// What was expected, what was found, what to do.
  public let reason: String

  /// An error about a file, text or option.
  package init(_ subject: String, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  public var description: String { "\(subject): \(reason)" }
}

/// eˣ.
func exponential(_ x: Double) -> Double { exp(x) }
