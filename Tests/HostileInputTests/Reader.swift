import Checkpoints
import Editing
import Evaluation
import Foundation
import PreferenceData
import Reporting
import Storage
import Studies
import Testing
import Tokenization
import Training
import Transformer

/// An error that does not say what is wrong.
struct SaysNothing: Error {
  var error: String
}

/// A reader of files from strangers, with sound files for it.
struct Reader: CustomTestStringConvertible, Sendable {
  var name: String
  var testDescription: String { name }
  /// The sound files; what must lie beside them is put into the folder.
  var samples: @Sendable (Scratch) throws -> [Sample]
  /// Reads a file made of a sample, all of it; throws where it is refused.
  var read: @Sendable (Sample, [UInt8], Scratch) throws -> Void

  /// Whether the file is sound; any error that is none of a file's, or says nothing of it, is thrown.
  func isSound(_ sample: Sample, _ bytes: [UInt8], _ scratch: Scratch) throws -> Bool {
    do {
      try read(sample, bytes, scratch)
      return true
    } catch {
      switch error {
      case is CheckpointError, is JSONError, is StorageError, is TokenizationError, is ModelError,
        is EditingError,
        is PreferenceDataError, is EvaluationError, is StudyError, is TrainingError, is RecordError:
        guard "\(error)".count > 20 else { throw SaysNothing(error: "\(error)") }
        return false
      default: throw error
      }
    }
  }

  static let all: [Reader] = [
    .json, .safetensors, .index, .gguf, .ggufModel, .torch, .config, .tokenizerJSON, .tokenizerConfig,
    .sentencePiece, .tekken, .wordPieces, .bytePairFiles, .chatTemplate, .pairs, .tasks, .subspace, .receipt,
    .adapter,
    .scorer,
    .evaluation, .records, .study, .training, .journal,
  ]

  /// Those that `PROFS_FUZZ_READER` names, all where it is not set.
  static let chosen =
    ProcessInfo.processInfo.environment["PROFS_FUZZ_READER"].map { name in
      all.filter { $0.name == name }
    } ?? all

  private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

  /// Path of a fixture of another target's tests.
  static func fixture(_ name: String) -> String { tests.appending(path: name).path }

  /// A sample made of a fixture.
  static func sample(_ name: String, isRefused: Bool = false) throws -> Sample {
    Sample(
      name: FileSystem.lastComponent(of: name),
      bytes: try [UInt8](Data(contentsOf: URL(filePath: fixture(name)))),
      isRefused: isRefused)
  }

  /// Widens every tensor, which together take no more than each entry's bytes justify.
  static func readAll(_ store: TensorStore) throws {
    for entry in store.entries { _ = try store.floats(entry) }
  }
}
