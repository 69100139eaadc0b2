import Crypto
import Evaluation
import Foundation
import Testing

/// The reader of the n-gram scorer's weights, and what is done with them.
extension Reader {
  static let scorer = Reader(name: "scorer") { _ in
    [scorerSample()]
  } read: { _, bytes, scratch in
    let scorer = try NGramScorer(path: scratch.write(bytes, "scorer.safetensors"))
    let scores = scorer.scores(for: [
      "", "Hello  wörld", "f**k !! 123", String(repeating: "ab c", count: 100),
    ])
    #expect(scores.allSatisfy { (0...1).contains($0) })
  }

  /// A file with a table of four rows.
  private static func scorerSample() -> Sample {
    let head = (0..<1633).map { Float($0 % 7 - 3) / 8 }
    let floats = [Float](repeating: 0.01, count: 16) + head
    let table = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let data = floats.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) } + table
    let digest = SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    // What may be altered without harm.
    let note = String(repeating: "free text, ", count: 60)
    let metadata =
      #"{"format":"profs-ngram-scorer","format_version":"1","features_version":"1","bits":"2","#
      + #""calibration_slope":"1.5","calibration_intercept":"-0.25","name":"tiny","note":"\#(note)","sha256":"\#(digest)"}"#
    let header = Array(
      (#"{"__metadata__":\#(metadata),"table_scale":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},"#
        + #""head":{"dtype":"F32","shape":[1633],"data_offsets":[64,6596]},"#
        + #""table":{"dtype":"I8","shape":[4,16],"data_offsets":[6596,6660]}}"#).utf8)
    return Sample(
      name: "scorer.safetensors",
      bytes: withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header + data,
      description: 8..<8 + header.count, hasHeaderLength: true)
  }
}
