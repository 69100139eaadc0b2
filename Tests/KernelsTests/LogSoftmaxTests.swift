import Foundation
import Kernels
import Testing

/// Log-softmax over slices of the vocabulary against the whole row's, in double precision.
@Suite("Streamed log-softmax")
struct LogSoftmaxTests {
  /// Widths of the slices that a vocabulary of 193 comes in.
  static let splits = [[193], [1, 192], [64, 64, 65], [100, 1, 1, 91], Array(repeating: 1, count: 193)]

  /// Rows that are hard on a running maximum.
  static let rows: [(name: String, logits: [Float])] = {
    let plain = TestNumbers.floats(193, seed: 1, scale: 10)
    return [
      ("plain", plain),
      ("rising", plain.sorted()),
      ("falling", plain.sorted(by: >)),
      ("all equal", Array(repeating: 3, count: 193)),
      ("huge", plain.map { $0 * 1e4 + 1e6 }),
      ("hugely negative", plain.map { $0 - 1e6 }),
      ("one far above", plain.indices.map { $0 == 77 ? 1e9 : plain[$0] }),
      ("ties", plain.indices.map { [5, 99, 192].contains($0) ? 20 : plain[$0] }),
    ]
  }()

  @Test("any split gives each row's log-probability and first best token", arguments: splits)
  func agreesWithWholeRow(_ widths: [Int]) {
    for (index, target) in [0, 5, 77, 192].enumerated() {
      let targets = Self.rows.map { _ in Int32(target) }
      let streamed = stream(widths, targets, threads: index % 2 + 1)
      for (row, (name, logits)) in Self.rows.enumerated() {
        let largest = Double(logits.max() ?? 0)
        let sum = logits.reduce(0) { $0 + exp(Double($1) - largest) }
        let expected = Double(logits[target]) - largest - log(sum)
        let error = abs(streamed.logProbability(row) - expected)
        #expect(error < 1e-6 * max(1, abs(expected)), "\(name), target \(target)")
        #expect(Int(streamed.bestToken(row)) == logits.firstIndex(of: Float(largest)), "\(name)")
      }
    }
  }

  /// Runs all rows, some at a time, through slices of `widths` tokens.
  private func stream(_ widths: [Int], _ targets: [Int32], threads: Int) -> StreamedLogSoftmax {
    let context = ComputeContext(threads: threads, precision: .f32)
    var streamed = StreamedLogSoftmax(targets: targets)
    var first = 0
    for width in widths {
      for rows in [0..<3, 3..<Self.rows.count] {
        var slice = rows.flatMap { Self.rows[$0].logits[first..<first + width] }
        streamed.consume(context, &slice, rows: rows, firstToken: first, width: width)
      }
      first += width
    }
    return streamed
  }
}
