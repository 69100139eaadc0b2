/// What is wrong with a tokenizer's description, or with a text it was given.
package struct TokenizationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Name of the file or of the value at fault.
  package let source: String

  /// Path of the value inside the source, such as `model.merges[7]`; empty for the whole.
  package let keyPath: String

  /// What was expected, what was found, and what to do where that is not plain.
  package let reason: String

  /// An error about the value at `keyPath` of `source`.
  package init(source: String, keyPath: String = "", reason: String) {
    self.source = source
    self.keyPath = keyPath
    self.reason = reason
  }

  /// One line: source, key path and reason.
  package var description: String {
    keyPath.isEmpty ? "\(source): \(reason)" : "\(source): \(keyPath): \(reason)"
  }
}
