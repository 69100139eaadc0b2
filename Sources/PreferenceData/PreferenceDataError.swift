/// Why a file of pairs or texts could not be used.
public struct PreferenceDataError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, as the caller named it.
  public let file: String
  /// The line at fault, counted from 1; nil when it is the file as a whole.
  public let line: Int?
  /// What was expected, what was found, what to do.
  public let reason: String

  /// The sentence shown to a person: file, line, reason.
  public var description: String {
    if let line { "\(file), line \(line): \(reason)" } else { "\(file): \(reason)" }
  }

  /// An error at a place.
  package init(file: String, line: Int? = nil, reason: String) {
    (self.file, self.line, self.reason) = (file, line, reason)
  }
}
