#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is wrong with a file, or with the bytes in it.
package struct StorageError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or folder at fault, as the caller named it.
  package let path: String
  /// Byte offset in the file where reading failed; `nil` when the file as a whole is at fault.
  package let offset: Int?
  /// One sentence: what was expected, what was found, and what to do where that is not obvious.
  package let reason: String
  /// The system's error number, when the system refused.
  package let errorNumber: Int32?

  /// An error found by looking at bytes or names.
  package init(path: String, offset: Int? = nil, reason: String) {
    self.path = path
    self.offset = offset
    self.reason = reason
    self.errorNumber = nil
  }

  /// An error reported by the system: `action` is the attempt ("open", "write 4096 bytes").
  package init(path: String, action: String, errorNumber: Int32) {
    self.path = path
    self.offset = nil
    self.reason = "cannot \(action): \(Self.text(of: errorNumber))\(Self.advice(for: errorNumber))"
    self.errorNumber = errorNumber
  }

  /// The whole message, on one line.
  package var description: String {
    if let offset { "\(path): at byte \(offset): \(reason)" } else { "\(path): \(reason)" }
  }

  /// The system's sentence for an error number.
  private static func text(of errorNumber: Int32) -> String {
    // `strerror` shares one buffer between threads.
    var buffer = [CChar](repeating: 0, count: 256)
    let status = unsafe strerror_r(errorNumber, &buffer, buffer.count)
    guard status == 0, let end = buffer.firstIndex(of: 0) else { return "error \(errorNumber)" }
    return String(decoding: buffer[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func advice(for errorNumber: Int32) -> String {
    switch errorNumber {
    case ENOSPC, EDQUOT: "; free some space or write to another disk"
    case EACCES, EPERM: "; check the permissions"
    // What is written or read there lies in a mapped file.
    case EFAULT: "; a file that was being read has been shortened meanwhile: put it back"
    case EROFS: "; write to another place"
    case EMFILE, ENFILE: "; raise the limit on open files (ulimit -n)"
    default: ""
    }
  }
}
