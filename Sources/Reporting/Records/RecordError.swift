/// A file that is no record a report can show: which, and what to do.
package struct RecordError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file.
  package let path: String
  /// One sentence: where, what was expected, what was found, and what to do where that is not obvious.
  package let reason: String

  /// An error in the file at `path`.
  package init(_ path: String, _ reason: String) { (self.path, self.reason) = (path, reason) }

  /// The whole message, on one line.
  package var description: String { "\(path): \(reason)" }
}
