/// Why a template cannot be read or run.
struct JinjaError: Error {
  /// What is wrong, in words.
  var reason: String
  /// Line of the template, from 1; 0 where it is not known.
  var line: Int
  /// Whether the template itself refused what it was given, by `raise_exception`.
  var isRaised = false

  /// An error at `line`.
  init(_ reason: String, line: Int = 0, isRaised: Bool = false) {
    self.reason = reason
    self.line = line
    self.isRaised = isRaised
  }
}
