/// A text that is not the JSON this reader accepts: where, what was expected and what was found.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Name of the text, usually a path.
  package let source: String

  /// Byte offset in the text at which reading stopped.
  package let offset: Int

  /// Line of `offset`, counted from 1.
  package let line: Int

  /// Byte column of `offset` in its line, counted from 1.
  package let column: Int

  /// What was expected, and what was found instead.
  package let reason: String

  /// One line: source, place and reason.
  package var description: String {
    "\(source): line \(line), column \(column) (byte \(offset)): \(reason)"
  }

  /// Builds the error, finding line and column of `offset` in `bytes`.
  init(source: String, bytes: Span<UInt8>, offset: Int, reason: String) {
    var line = 1
    var lineStart = 0
    for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      lineStart = index + 1
    }
    self.source = source
    self.offset = offset
    self.line = line
    self.column = offset - lineStart + 1
    self.reason = reason
  }
}
