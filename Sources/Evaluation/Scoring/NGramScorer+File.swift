internal import Checkpoints
internal import Crypto
internal import Kernels
internal import Storage

/// The weights as a safetensors file.
///
/// | tensor | type | shape |
/// |---|---|---|
/// | `table` | I8 | `[2^bits, width]`, to be multiplied by its column's scale |
/// | `table_scale` | F32 | `[width]` |
/// | `head` | F32 | as ``NGramNetwork/Head`` orders it |
///
/// The metadata holds `format` (`profs-ngram-scorer`), `format_version`, `features_version`, `bits`, `calibration_slope`,
/// `calibration_intercept`, `name`, and `sha256`, which is that of the tensors' bytes in the order of the file and is
/// compared with them. Scales and parameters of more than a million are refused: without them no score is NaN.
extension NGramScorer {
  /// What the metadata calls this format, and its version.
  package static let format = "profs-ngram-scorer"
  package static let formatVersion = 1
  /// Numbers beyond this in size are no weights.
  private static let largest: Float = 1_000_000

  /// Reads weights from a file of any origin.
  package init(path: String) throws {
    let file = try MappedFile(path: path)
    self = try file.withBytes { try NGramScorer(weights: $0, path: path) }
  }

  /// Reads the bytes of a file.
  ///
  /// - Throws: `CheckpointError` or ``EvaluationError`` where they are not this format in this version.
  package init(weights bytes: UnsafeRawBufferPointer, path: String) throws {
    let header = try SafetensorsHeader(bytes, path: path)
    let metadata = Dictionary(header.metadata.map { ($0.key, $0.value) }) { first, _ in first }
    guard metadata["format"] == Self.format, metadata["format_version"] == String(Self.formatVersion),
      metadata["features_version"] == String(NGramFeatures.version)
    else {
      throw EvaluationError(
        path,
        "expected the format \(Self.format), version \(Self.formatVersion), with features of version "
          + "\(NGramFeatures.version), found \(metadata["format"] ?? "another format"); train the scorer anew"
      )
    }
    guard let bits = metadata["bits"].flatMap({ Int($0) }), (1...24).contains(bits),
      let slope = metadata["calibration_slope"].flatMap({ Double($0) }), slope.isFinite,
      let intercept = metadata["calibration_intercept"].flatMap({ Double($0) }), intercept.isFinite,
      let name = metadata["name"], let sha256 = metadata["sha256"]
    else { throw EvaluationError(path, "the metadata lacks a number or name that the format asks for") }
    let found = SHA256.hash(data: UnsafeRawBufferPointer(rebasing: bytes[header.dataStart...])).hexadecimal
    guard found == sha256 else {
      throw EvaluationError(
        path, "the file is damaged: the SHA-256 of its tensors is \(found), the metadata says \(sha256)")
    }

    func tensor(_ name: String, _ type: ElementType, _ shape: [Int]) throws -> UnsafeRawBufferPointer {
      guard let entry = header.entries.first(where: { $0.name == name }), entry.type == type,
        entry.shape == shape
      else { throw EvaluationError(path, "expected a tensor \(name), \(type.name) \(shape)") }
      return UnsafeRawBufferPointer(rebasing: bytes[entry.bytes])
    }
    func floats(_ name: String, _ count: Int) throws -> [Float] {
      let bytes = try tensor(name, .f32, [count])
      let values = (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      guard let beyond = values.first(where: { !(abs($0) <= Self.largest) }) else { return values }
      throw EvaluationError(
        path, "the tensor \(name) holds \(beyond); expected numbers of at most \(Self.largest) in size")
    }
    let width = NGramNetwork.width
    let codes = try tensor("table", .i8, [1 << bits, width])
    let scale = try floats("table_scale", width)
    var table = [Float](repeating: 0, count: codes.count)
    table.withUnsafeMutableBufferPointer { table in
      scale.withUnsafeBufferPointer { scale in
        for row in stride(from: 0, to: codes.count, by: width) {
          for lane in 0..<width {
            table[row + lane] = Float(Int8(bitPattern: codes[row + lane])) * scale[lane]
          }
        }
      }
    }
    self.init(
      features: NGramFeatures(bits: bits),
      network: NGramNetwork(table: table, head: try floats("head", NGramNetwork.Head.count)),
      calibration: LogisticCalibration(slope: slope, intercept: intercept),
      identity: ScorerIdentity(
        kind: .builtin, name: name, source: "\(Self.format) \(Self.formatVersion)", weightsSHA256: sha256))
  }
}
