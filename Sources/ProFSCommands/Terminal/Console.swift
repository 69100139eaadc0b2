internal import Foundation
internal import Kernels
internal import Storage

/// What people read goes to standard error, what programs read to standard output.
///
/// Of several processes that do one job the first speaks, and the others only say what went wrong.
enum Console {
  /// Whether standard error is a terminal, on which a progress bar can be redrawn.
  static let isTerminal = speaks && isatty(STDERR_FILENO) == 1

  private static let speaks = Communicator.world.isFirst

  /// Prints a line of a result to standard output, or a part of one.
  static func result(_ line: String = "", terminator: String = "\n") {
    if speaks { write(line + terminator, to: STDOUT_FILENO) }
  }

  /// Asks for a line, which is then typed behind it.
  static func prompt(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Prints a message.
  static func message(_ line: String) { if speaks { write(line + "\n", to: STDERR_FILENO) } }

  /// Prints an error.
  static func error(_ line: String) { write("profs: error: \(line)\n", to: STDERR_FILENO) }

  /// Prints one JSON document to standard output.
  static func json(_ value: JSON) { result(value.serialized(pretty: true)) }

  /// Removes a progress bar that stands on the terminal.
  static func clearProgress() { if isTerminal { write("\r\u{1B}[K", to: STDERR_FILENO) } }

  /// Writes without a line's end, as a progress bar wants.
  static func overwrite(_ text: String) { write("\r\(text)\u{1B}[K", to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    // A reader that went away is no reason to fail.
    try? FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).write(contentsOf: Data(text.utf8))
  }
}
