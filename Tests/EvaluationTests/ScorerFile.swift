import Crypto
import Foundation
import Kernels

/// A file of weights for the n-gram scorer, as its format is described: sound unless told otherwise.
struct ScorerFile {
  var metadata: [String: String] = [
    "format": "profs-ngram-scorer", "format_version": "1", "features_version": "1", "bits": "2",
    "calibration_slope": "1.5", "calibration_intercept": "-0.25", "name": "tiny",
  ]
  /// By place in the file.
  var tensors: [(name: String, type: String, shape: [Int], bytes: [UInt8])]

  init() {
    let head = (0..<1633).map { Float($0 % 7 - 3) / 80 }
    let scale = (0..<16).map { 0.01 * Float($0 + 1) }
    let table = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 37) }
    tensors = [
      ("table_scale", "F32", [16], Self.bytes(scale)), ("head", "F32", [head.count], Self.bytes(head)),
      ("table", "I8", [4, 16], table),
    ]
  }

  /// Numbers as the file has them.
  static func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
  }

  /// The file's bytes, with the digest of its tensors unless `metadata` has one.
  var contents: [UInt8] {
    let data = tensors.flatMap(\.bytes)
    let digest = SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    var start = 0
    var members = [
      "\"__metadata__\":"
        + "{\(metadata.merging(["sha256": digest]) { first, _ in first }.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ","))}"
    ]
    for tensor in tensors {
      let end = start + tensor.bytes.count
      members.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(start),\(end)]}"
      )
      start = end
    }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header + data
  }
}
