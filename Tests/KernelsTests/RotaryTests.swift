import Foundation
import Kernels
import Testing

/// Rotary embedding against multiplication by e^(i · position · frequency).
@Suite("Rotary embedding")
struct RotaryTests {
  @Test(
    "pairs turn by position times frequency; the rest passes unchanged",
    arguments: [RotaryTable.Pairing.halves, .interleaved],
    [(1, 2, 1), (3, 8, 4), (2, 10, 3), (9, 64, 32), (2, 80, 16)])
  func pairsTurn(pairing: RotaryTable.Pairing, shape: (heads: Int, size: Int, pairs: Int)) {
    let (heads, size, pairs) = shape
    let frequencies = (0..<pairs).map { pow(10_000, -Double($0) / Double(pairs)) }
    // More rows than one thread takes at a time, positions out of order, rows apart.
    let positions = (0..<150).map { Int32($0 * 37 % 101) }
    let stride = heads * size + 3
    let x = TestNumbers.floats(positions.count * stride, seed: 1)
    for (threads, scale) in [(1, 1.0), (2, 1.25)] {
      func factor(_ position: Int) -> Double { scale + 0.01 * Double(position) }
      let table = RotaryTable(
        frequencies: frequencies, positions: 101, pairing: pairing, attentionScale: factor)
      var found = x
      found.withUnsafeMutableBufferPointer { rows in
        positions.withUnsafeBufferPointer { positions in
          guard let base = rows.baseAddress else { return }
          table.apply(
            ComputeContext(threads: threads, precision: .f32), base, stride: stride, heads: heads,
            headStep: size,
            positions: positions)
        }
      }
      var expected = x.map(Double.init)
      for (row, position) in positions.enumerated() {
        for head in 0..<heads {
          for pair in 0..<pairs {
            let start = row * stride + head * size
            let (i, j) =
              pairing == .halves
              ? (start + pair, start + pair + pairs) : (start + 2 * pair, start + 2 * pair + 1)
            // The angle as the reference has it: a product of f32 numbers.
            let angle = Double(Float(position) * Float(frequencies[pair]))
            let (a, b) = (Double(x[i]), Double(x[j]))
            expected[i] = (a * cos(angle) - b * sin(angle)) * factor(Int(position))
            expected[j] = (b * cos(angle) + a * sin(angle)) * factor(Int(position))
          }
        }
      }
      #expect(largestError(found, expected) < 3e-7)
    }
  }

  @Test("the two pairings are one rotation of rows laid out differently")
  func pairingsAgree() {
    let frequencies = (0..<8).map { pow(500, -Double($0) / 8) }
    let halves = TestNumbers.floats(16, seed: 2)
    func interleave(_ x: [Float]) -> [Float] { (0..<8).flatMap { [x[$0], x[$0 + 8]] } }
    let context = ComputeContext(threads: 1, precision: .f32)
    func turned(_ x: [Float], _ pairing: RotaryTable.Pairing) -> [Float] {
      var x = x
      let table = RotaryTable(frequencies: frequencies, positions: 30, pairing: pairing)
      [Int32(29)].withUnsafeBufferPointer {
        table.apply(context, &x, stride: 16, heads: 1, headStep: 16, positions: $0)
      }
      return x
    }
    let (a, b) = (turned(halves, .halves), turned(interleave(halves), .interleaved))
    #expect(interleave(a) == b)
    #expect(a != halves)
  }
}
