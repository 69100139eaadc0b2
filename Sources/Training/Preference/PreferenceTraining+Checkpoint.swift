internal import Checkpoints
internal import Foundation
internal import Kernels
internal import Storage
internal import Transformer

/// A run as it was after some step, from which it goes on exactly as if it had not been interrupted.
///
/// A safetensors file: `parameters`, of adapters their factors alone, `moments` and, after a validation, `best` (F32, all
/// as one run of numbers), `reference` (F64, a margin a pair), `best_loss` (F64). Metadata: `format`, `run` (what the run
/// must agree in), `step`, `best_step`, `validations_since_best`.
extension PreferenceTraining {
  private static let format = "profs-training-1"

  /// What a checkpoint and the run that resumes it must agree in.
  private var identity: String {
    let adapter = working.layout.adapter.map { "\($0) " } ?? ""
    let settings = adapter + "\(recipe) \(working.layout.parameters.map(\.name))"
    // FNV-1a over the tokens: other pairs make another run.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for sequence in ScoredPair.sequences(pairs + validation) {
      for value in [Int32(clamping: sequence.responseStart)] + sequence.tokens {
        hash = (hash ^ UInt64(UInt32(bitPattern: value))) &* 0x100_0000_01b3
      }
    }
    return settings + " " + String(hash, radix: 16) + " " + working.model.path
  }

  /// Writes the run's state to `path`, in place of an earlier one.
  package func save(to path: String) throws {
    let file = try AtomicFile(path, replacing: true)
    do {
      let count = working.layout.count
      var tensors: [SafetensorsWriter.Tensor] = [
        .init(name: "reference", type: .f64, shape: [reference.count]),
        .init(name: "best_loss", type: .f64, shape: [1]),
        .init(name: "parameters", type: .f32, shape: [count]),
        .init(name: "moments", type: .f32, shape: [optimizer.withMoments { $0.count }]),
      ]
      if !best.isEmpty { tensors.append(.init(name: "best", type: .f32, shape: [count])) }
      var writer = try SafetensorsWriter(
        file.writer, tensors: tensors,
        metadata: [
          ("format", Self.format), ("run", identity), ("step", "\(state.step)"),
          ("best_step", "\(state.bestStep)"), ("validations_since_best", "\(state.validationsSinceBest)"),
        ])
      try reference.withUnsafeBytes { try writer.append($0, to: "reference") }
      try withUnsafeBytes(of: state.bestLoss) { try writer.append($0, to: "best_loss") }
      try working.withParameters { try writer.append(UnsafeRawBufferPointer($0), to: "parameters") }
      try optimizer.withMoments { try writer.append(UnsafeRawBufferPointer($0), to: "moments") }
      if !best.isEmpty { try best.withUnsafeBytes { try writer.append($0, to: "best") } }
      try writer.finish()
      try file.commit()
    } catch {
      file.discard()
      throw error
    }
  }

  /// Goes on from the state in `path`.
  ///
  /// - Throws: ``TrainingError`` where it is of a run with other pairs, weights or settings.
  package func resume(from path: String) throws {
    let file = try SafetensorsFile(path: path)
    let metadata = Dictionary(
      file.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    guard metadata["format"] == Self.format else {
      throw TrainingError(path, "this is not the state of a training run; give the file of --state")
    }
    guard metadata["run"] == identity else {
      throw TrainingError(
        path,
        "the state is of a run with other pairs, weights or settings; resume with the same, or remove it")
    }
    func floats(_ name: String, count: Int) throws -> [Float] {
      guard let entry = file.tensors[name], entry.type == .f32, entry.shape == [count] else {
        throw TrainingError(path, "tensor \"\(name)\" is missing or has another size; the file is damaged")
      }
      return try file.tensors.floats(entry)
    }
    func doubles(_ name: String, count: Int) throws -> [Double] {
      guard let entry = file.tensors[name], entry.type == .f64, entry.shape == [count] else {
        throw TrainingError(path, "tensor \"\(name)\" is missing or has another size; the file is damaged")
      }
      return try file.tensors.withBytes(of: entry) { bytes in
        (0..<count).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
      }
    }
    func number(_ key: String) throws -> Int {
      guard let value = metadata[key].flatMap({ Int($0) }), value >= 0 else {
        throw TrainingError(path, "metadata \"\(key)\" is missing or no number; the file is damaged")
      }
      return value
    }
    let parameters = try floats("parameters", count: working.layout.count)
    let moments = try floats("moments", count: optimizer.withMoments { $0.count })
    reference = try doubles("reference", count: pairs.count + validation.count)
    best = file.tensors["best"] == nil ? [] : try floats("best", count: working.layout.count)
    state = TrainingState(
      step: try number("step"), bestLoss: try doubles("best_loss", count: 1)[0],
      bestStep: try number("best_step"), validationsSinceBest: try number("validations_since_best"))
    optimizer.steps = state.step
    working.withParameters { target in for index in parameters.indices { target[index] = parameters[index] } }
    optimizer.withMoments { target in for index in moments.indices { target[index] = moments[index] } }
    try working.mergeAdapters()
  }
}
