internal import Checkpoints
internal import Foundation
internal import Kernels
internal import Storage
internal import Transformer

/// A run as it was after some step, from which it goes on exactly as if it had not been interrupted.
///
/// A safetensors file: `parameters`, of adapters their factors alone, `moments` and, where the weights of the best validation
/// are neither the base's nor those, `best` (F32, all as one run of numbers), `reference` (F64, a margin a pair), `best_loss`
/// (F64), `steps` and `validations` (F64, a row a record, its members in their order). Metadata: `format`, `run` (what the run
/// must agree in), `compute` (the precision of products; f32 where there is none), `step`, `best_step`,
/// `validations_since_best`.
extension PreferenceTraining {
  private static let format = "profs-training-1"

  /// What a checkpoint and the run that resumes it must agree in.
  private var identity: String {
    let adapter = working.layout.adapter.map { "\($0) " } ?? ""
    let settings = adapter + "\(recipe) seed \(context.seed) \(working.layout.parameters.map(\.name))"
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
      if bestIsKept { tensors.append(.init(name: "best", type: .f32, shape: [count])) }
      let records = [
        ("steps", steps.map(\.members)), ("validations", validations.map(\.members)),
      ].filter { !$0.1.isEmpty }
      for (name, rows) in records {
        tensors.append(.init(name: name, type: .f64, shape: [rows.count, rows[0].count]))
      }
      var writer = try SafetensorsWriter(
        file.writer, tensors: tensors,
        metadata: [
          ("format", Self.format), ("run", identity), ("compute", context.precision.rawValue),
          ("step", "\(state.step)"), ("best_step", "\(state.bestStep)"),
          ("validations_since_best", "\(state.validationsSinceBest)"),
        ])
      try reference.withUnsafeBytes { try writer.append($0, to: "reference") }
      try withUnsafeBytes(of: state.bestLoss) { try writer.append($0, to: "best_loss") }
      for (name, rows) in records {
        try rows.flatMap(\.self).withUnsafeBytes { try writer.append($0, to: name) }
      }
      try working.withParameters { try writer.append(UnsafeRawBufferPointer($0), to: "parameters") }
      try optimizer.withMoments { try writer.append(UnsafeRawBufferPointer($0), to: "moments") }
      if bestIsKept {
        try best.withUnsafeBufferPointer { try writer.append(UnsafeRawBufferPointer($0), to: "best") }
      }
      try writer.finish()
      try file.commit()
    } catch {
      file.discard()
      throw error
    }
  }

  /// Goes on from the state in `path`.
  ///
  /// - Throws: ``TrainingError`` where it is of a run with other pairs, weights or settings, or in another precision.
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
    let precision = metadata["compute"] ?? ComputePrecision.f32.rawValue
    guard precision == context.precision.rawValue else {
      throw TrainingError(
        path,
        "the state is of a run that multiplies in \(precision), and this one does in \(context.precision.rawValue); "
          + "resume with --compute \(precision), or remove it")
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
    func rows(_ name: String, columns: Int) throws -> [[Double]] {
      guard let entry = file.tensors[name] else { return [] }
      guard entry.type == .f64, entry.shape.count == 2, entry.shape[1] == columns else {
        throw TrainingError(path, "tensor \"\(name)\" has another size; the file is damaged")
      }
      return try file.tensors.withBytes(of: entry) { bytes in
        (0..<entry.shape[0]).map { row in
          (0..<columns).map {
            bytes.loadUnaligned(fromByteOffset: 8 * (row * columns + $0), as: Double.self)
          }
        }
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
    let damaged = TrainingError(path, "a record of a step cannot be read; the file is damaged")
    steps = try rows("steps", columns: 6).map {
      guard let record = StepRecord(members: $0) else { throw damaged }
      return record
    }
    validations = try rows("validations", columns: 4).map {
      guard let record = ValidationRecord(members: $0) else { throw damaged }
      return record
    }
    bestIsKept = file.tensors["best"] != nil
    best = AlignedBuffer(copying: bestIsKept ? try floats("best", count: working.layout.count) : [])
    state = TrainingState(
      step: try number("step"), bestLoss: try doubles("best_loss", count: 1)[0],
      bestStep: try number("best_step"), validationsSinceBest: try number("validations_since_best"))
    guard bestIsKept || state.bestLoss == .infinity || [0, state.step].contains(state.bestStep) else {
      throw TrainingError(path, "tensor \"best\" is missing; the file is damaged")
    }
    optimizer.steps = state.step
    working.withParameters { target in for index in parameters.indices { target[index] = parameters[index] } }
    optimizer.withMoments { target in for index in moments.indices { target[index] = moments[index] } }
    try working.mergeAdapters()
  }
}

extension StepRecord {
  /// All of it as numbers.
  fileprivate var members: [Double] { [Double(step), loss, margin, accuracy, gradientNorm, rate] }

  /// The same back again; `nil` where the step is no whole number.
  fileprivate init?(members: [Double]) {
    guard members.count == 6, let step = Int(exactly: members[0]) else { return nil }
    self.init(
      step: step, loss: members[1], margin: members[2], accuracy: members[3], gradientNorm: members[4],
      rate: members[5])
  }
}

extension ValidationRecord {
  /// All of it as numbers.
  fileprivate var members: [Double] { [Double(step), loss, margin, accuracy] }

  /// The same back again; `nil` where the step is no whole number.
  fileprivate init?(members: [Double]) {
    guard members.count == 4, let step = Int(exactly: members[0]) else { return nil }
    self.init(step: step, loss: members[1], margin: members[2], accuracy: members[3])
  }
}
