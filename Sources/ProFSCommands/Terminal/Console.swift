internal import Foundation
internal import Kernels
internal import Storage
internal import Synchronization

/// What people read goes to standard error, what programs read to standard output.
///
/// Of several processes that do one job the first speaks, and the others only say what went wrong.
enum Console {
  /// Whether standard error is a terminal, on which a progress bar can be redrawn.
  static let isTerminal = speaks && isatty(STDERR_FILENO) == 1

  private static let speaks = Communicator.world.isFirst
  /// Why standard output did not take a result: the system's error number, 0 where it took all of them.
  private static let resultFault = Atomic<Int32>(0)

  /// Gives each of the standard streams that the process was started without an empty one.
  ///
  /// Its number would go to the first file that is opened, and into that what is printed.
  static func openMissingStreams() {
    var descriptor = open("/dev/null", O_RDWR)
    while 0...STDERR_FILENO ~= descriptor { descriptor = open("/dev/null", O_RDWR) }
    if descriptor > STDERR_FILENO { close(descriptor) }
  }

  /// Prints a line of a result to standard output, or a part of one.
  static func result(_ line: String = "", terminator: String = "\n") {
    guard speaks else { return }
    let fault = write(line + terminator, to: STDOUT_FILENO)
    // A reader that went away is no reason to fail.
    if fault != 0, fault != EPIPE { resultFault.store(fault, ordering: .relaxed) }
  }

  /// Throws where a result did not reach standard output: on a full disk, the run has not done what was asked of it.
  static func requireWritten() throws {
    let fault = resultFault.load(ordering: .relaxed)
    if fault != 0 { throw StorageError(path: "standard output", action: "write", errorNumber: fault) }
  }

  /// Asks for a line, which is then typed behind it.
  static func prompt(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Prints a message.
  static func message(_ line: String) { if speaks { write(spelt(line) + "\n", to: STDERR_FILENO) } }

  /// Prints an error.
  static func error(_ line: String) { write("profs: error: \(spelt(line))\n", to: STDERR_FILENO) }

  /// `text` with its control characters spelt out: names and messages come from files, which may not drive the terminal.
  private static func spelt(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { spelt, scalar in
      let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
      spelt += isControl ? scalar.escaped(asASCII: true) : String(scalar)
    }
  }

  /// Prints one JSON document to standard output.
  static func json(_ value: JSON) { result(value.serialized(pretty: true)) }

  /// Removes a progress bar that stands on the terminal.
  static func clearProgress() { if isTerminal { write("\r\u{1B}[K", to: STDERR_FILENO) } }

  /// Writes without a line's end, as a progress bar wants.
  static func overwrite(_ text: String) { write("\r\(text)\u{1B}[K", to: STDERR_FILENO) }

  /// Writes all of the text; answers the system's error number where it does not take it, else 0.
  @discardableResult private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        left = left.dropFirst(count)
        continue
      }
      // Nothing taken and no error would go on for ever.
      switch count == 0 ? EIO : errno {
      case EINTR: continue
      case EAGAIN:
        // The other end of a pipe that does not block is slow.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      case let fault: return fault
      }
    }
    return 0
  }
}
