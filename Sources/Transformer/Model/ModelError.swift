/// What is wrong with a model: where, what was expected, what was found, what to do.
package struct ModelError: Error, CustomStringConvertible, Sendable {
  /// The file or folder at fault.
  package let path: String
  /// What was expected, what was found, what to do.
  package let reason: String

  /// An error about a file or folder.
  package init(_ path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }

  package var description: String { "\(path): \(reason)" }
}
