internal import Foundation

/// A running program that answers each line it is given with one line of its own.
///
/// Questions are written and answers read in turn as either side is ready, so neither can wait for the other forever.
/// After any error the program is stopped, and every further exchange throws the same error.
final class LineProgram {
  /// An answer beyond this many bytes is not one.
  private static let lineLimit = 1 << 20
  /// How much of its standard error is kept for messages.
  private static let errorLimit = 2048

  private let name: String
  private let process = Process()
  /// Our ends: a socket, whose writing never raises SIGPIPE, and two pipes.
  private var input: Int32
  private let output = Pipe()
  private let errors = Pipe()
  private var received: [UInt8] = []
  private var errorText: [UInt8] = []
  private var errorsAreOpen = true
  private var failure: EvaluationError?

  /// Starts `command`, its first word looked up in `PATH`.
  init(_ command: [String]) throws {
    name = "exec:" + command.joined(separator: " ")
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Self.stream, 0, &ends) == 0 else {
      throw EvaluationError(name, "no connection can be made: \(String(cString: strerror(errno)))")
    }
    input = ends[0]
    let ours = [
      ends[0], output.fileHandleForReading.fileDescriptor, errors.fileHandleForReading.fileDescriptor,
    ]
    // Another program that is started later must not hold these open.
    for descriptor in ours { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    #if canImport(Darwin)
      var on: Int32 = 1
      setsockopt(input, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["--"] + command
    process.standardInput = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
    process.standardOutput = output
    process.standardError = errors
    do { try process.run() } catch {
      close(input)
      throw EvaluationError(name, "the program cannot be started: \(error.localizedDescription)")
    }
    try? (process.standardInput as? FileHandle)?.close()
  }

  deinit { stop() }

  /// Ends the program: its input ends, and if that does not move it, it is killed.
  func stop() {
    guard input >= 0 else { return }
    close(input)
    input = -1
    failure = failure ?? EvaluationError(name, "the program was stopped")
    for _ in 0..<50 where process.isRunning { usleep(10_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Writes `lines`, each with its line feed, and answers as many lines, without theirs.
  ///
  /// - Parameter timeout: seconds that may pass without an answer.
  func exchange(_ lines: [[UInt8]], timeout: Double) throws -> [[UInt8]] {
    if let failure { throw failure }
    do {
      if try wait(sending: false, until: .now).contains(.output) { try readOutput() }
      guard received.isEmpty else { throw fail("the program wrote a line that answers nothing") }
      return try converse(lines, timeout)
    } catch let error as EvaluationError {
      failure = error
      stop()
      throw error
    }
  }

  private func converse(_ lines: [[UInt8]], _ timeout: Double) throws -> [[UInt8]] {
    let questions = Array(lines.joined())
    var sent = 0
    var answers: [[UInt8]] = []
    var deadline = ContinuousClock.now + .seconds(timeout)
    while answers.count < lines.count {
      let ready = try wait(sending: sent < questions.count, until: deadline)
      guard !ready.isEmpty else {
        throw fail(
          "\(answers.count) of \(lines.count) answers came, and then none for \(timeout) s; the program must "
            + "write and flush one line for each line it reads")
      }
      if ready.contains(.errors) { readErrors() }
      if ready.contains(.input) { sent = send(questions, from: sent) }
      guard ready.contains(.output) else { continue }
      let isOpen = try readOutput()
      while answers.count < lines.count, let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        answers.append(Array(received[..<end]))
        received.removeFirst(end + 1)
        deadline = ContinuousClock.now + .seconds(timeout)
      }
      guard received.count <= Self.lineLimit else {
        throw fail("the program wrote \(Self.lineLimit) bytes without a line's end")
      }
      if !isOpen, answers.count < lines.count {
        throw fail("the program ended after \(answers.count) of \(lines.count) answers" + exitText())
      }
    }
    guard received.isEmpty else { throw fail("the program wrote more lines than it was given") }
    return answers
  }

  private struct Ready: OptionSet {
    var rawValue: Int
    static let input = Ready(rawValue: 1)
    static let output = Ready(rawValue: 2)
    static let errors = Ready(rawValue: 4)
  }

  /// Waits until some channel can be read or written; empty when the time is over.
  private func wait(sending: Bool, until deadline: ContinuousClock.Instant) throws -> Ready {
    while true {
      let left = (deadline - ContinuousClock.now) / .milliseconds(1)
      // A negative descriptor is left out.
      var channels = [
        pollfd(fd: sending ? input : -1, events: Int16(POLLOUT), revents: 0),
        pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0),
        pollfd(
          fd: errorsAreOpen ? errors.fileHandleForReading.fileDescriptor : -1, events: Int16(POLLIN),
          revents: 0),
      ]
      let count = poll(&channels, nfds_t(channels.count), Int32(min(max(0, left.rounded(.up)), 1e9)))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw fail("waiting for it failed: \(String(cString: strerror(errno)))") }
      var ready: Ready = []
      if channels[0].revents != 0 { ready.insert(.input) }
      if channels[1].revents != 0 { ready.insert(.output) }
      if channels[2].revents != 0 { ready.insert(.errors) }
      return ready
    }
  }

  /// Writes what the program takes now; where it has closed its input, says that all is sent, and its end is seen on its
  /// output.
  private func send(_ bytes: [UInt8], from start: Int) -> Int {
    let count = bytes.withUnsafeBytes { bytes in
      Foundation.send(input, bytes.baseAddress?.advanced(by: start), bytes.count - start, Self.sendFlags)
    }
    if count >= 0 { return start + count }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? start : bytes.count
  }

  /// Takes in what there is to read; false at the end.
  @discardableResult
  private func readOutput() throws -> Bool {
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(output.fileHandleForReading.fileDescriptor, &chunk, chunk.count)
    if count < 0 { return errno == EINTR || errno == EAGAIN }
    received += chunk[..<count]
    return count > 0
  }

  private func readErrors() {
    var chunk = [UInt8](repeating: 0, count: 1 << 12)
    let count = read(errors.fileHandleForReading.fileDescriptor, &chunk, chunk.count)
    if count > 0 {
      errorText = (errorText + chunk[..<count]).suffix(Self.errorLimit)
    } else if count == 0 {
      errorsAreOpen = false
    }
  }

  /// How the program ended, after its output did.
  private func exitText() -> String {
    stop()
    return process.terminationReason == .exit
      ? ", with exit code \(process.terminationStatus)" : ", by signal \(process.terminationStatus)"
  }

  private func fail(_ reason: String) -> EvaluationError {
    while errorsAreOpen, let ready = try? wait(sending: false, until: .now), ready.contains(.errors) {
      readErrors()
    }
    let lines = String(decoding: errorText, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(3)
    let said = lines.isEmpty ? "" : "; its standard error ends: " + lines.joined(separator: " | ")
    return EvaluationError(name, reason + said)
  }

  #if canImport(Darwin)
    private static let stream = SOCK_STREAM
    private static let sendFlags = MSG_DONTWAIT
  #else
    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let sendFlags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
  #endif
}
