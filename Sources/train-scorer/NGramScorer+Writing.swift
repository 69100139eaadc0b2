internal import Checkpoints
internal import Crypto
internal import Evaluation
internal import Kernels
internal import Storage

extension NGramScorer {
  /// Writes the weights as the file that `NGramScorer.init(path:)` reads, the table rounded to eight bits.
  static func write(
    _ network: NGramNetwork, bits: Int, _ calibration: LogisticCalibration, name: String, to path: String
  ) throws {
    let width = NGramNetwork.width
    var scale = [Float](repeating: 0, count: width)
    for (index, value) in network.table.enumerated() {
      scale[index % width] = max(scale[index % width], abs(value) / 127)
    }
    let codes = network.table.enumerated().map { index, value in
      Int8(clamping: Int((value / max(scale[index % width], .leastNormalMagnitude)).rounded()))
    }
    // The order in which the file has them: larger elements first.
    let tensors: [(name: String, type: ElementType, shape: [Int], bytes: [UInt8])] = [
      ("table_scale", .f32, [width], scale.withUnsafeBytes(Array.init)),
      ("head", .f32, [NGramNetwork.Head.count], network.head.withUnsafeBytes(Array.init)),
      ("table", .i8, [1 << bits, width], codes.map { UInt8(bitPattern: $0) }),
    ]
    var digest = SHA256()
    for tensor in tensors { digest.update(data: tensor.bytes) }
    let sha256 = digest.finalize().hexadecimal
    let file = try AtomicFile(path, replacing: true)
    var writer = try SafetensorsWriter(
      file.writer, tensors: tensors.map { .init(name: $0.name, type: $0.type, shape: $0.shape) },
      metadata: [
        ("format", format), ("format_version", String(formatVersion)),
        ("features_version", String(NGramFeatures.version)), ("bits", String(bits)),
        ("calibration_slope", String(calibration.slope)),
        ("calibration_intercept", String(calibration.intercept)), ("name", name), ("sha256", sha256),
      ])
    for tensor in tensors {
      try tensor.bytes.withUnsafeBytes { try writer.append($0, to: tensor.name) }
    }
    try writer.finish()
    try file.commit()
  }
}
