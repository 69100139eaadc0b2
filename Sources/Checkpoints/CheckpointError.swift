import Storage

/// What is wrong with a checkpoint file: where, what was expected, what was found, and what to do.
package struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or folder at fault.
  package let path: String
  /// The tensor, metadata key or JSON key at fault, as a phrase: `tensor "wte.weight"`.
  package let subject: String?
  /// Byte offset in the file.
  package let offset: Int?
  /// What was expected and what was found.
  package let reason: String
  /// What the person can do about it.
  package let advice: String?

  /// An error at a place in a file.
  package init(
    path: String, subject: String? = nil, offset: Int? = nil, reason: String, advice: String? = nil
  ) {
    self.path = path
    self.subject = subject
    self.offset = offset
    self.reason = reason
    self.advice = advice
  }

  /// The whole message, on one line.
  package var description: String {
    var text = path
    if let subject { text += ": \(subject)" }
    if let offset { text += ": at byte \(offset)" }
    text += ": \(reason)"
    if let advice { text += "; \(advice)" }
    return text
  }

  /// What to do about a file that contradicts itself.
  static let fetchAgain = "the file is damaged or a partial download: fetch it again"

  /// What to do about a file that begins with `bytes`, which are not those of its format.
  static func advice(forFileBeginning bytes: [UInt8]) -> String {
    bytes.starts(with: "version https://git-lfs".utf8)
      ? "this is Git LFS's pointer to the file, not the file: run `git lfs pull` where it was cloned"
      : "this is a file of another format, or a damaged one: fetch it again"
  }
}

extension CheckpointError {
  /// The same error, as this module's type.
  init(_ error: StorageError) {
    self.init(path: error.path, offset: error.offset, reason: error.reason)
  }

  /// Runs `body`, turning the errors of the layer below into this module's.
  static func wrapping<R>(_ body: () throws -> R) throws(CheckpointError) -> R {
    do {
      return try body()
    } catch let error as CheckpointError {
      throw error
    } catch let error as StorageError {
      throw CheckpointError(error)
    } catch {
      throw CheckpointError(path: "", reason: "\(error)")
    }
  }
}
