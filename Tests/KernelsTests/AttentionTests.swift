import Foundation
import Kernels
import Testing

/// Attention against softmax(scale · Q Kᵀ) V in double precision, one query and one head at a time.
@Suite("Attention")
struct AttentionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var heads: Int
    var keyValueHeads: Int
    var headDimension: Int
    /// Lengths of the key ranges that precede the queries' own.
    var prefixes: [Int]
    var queries: Int
    var isCausal = true
    /// Elements between one row's last head and the next row's first.
    var gap = 0
    /// Size of the queries: large ones make one key take nearly all the weight.
    var scale: Float = 1
    /// How many keys back a query sees; all where `nil`.
    var window: Int?
    /// Bound that scores are pressed under.
    var scoreCap: Float?
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "one token sees itself", heads: 1, keyValueHeads: 1, headDimension: 2, prefixes: [], queries: 1),
    Case(name: "an odd head size", heads: 3, keyValueHeads: 3, headDimension: 7, prefixes: [], queries: 5),
    Case(name: "grouped heads", heads: 9, keyValueHeads: 3, headDimension: 64, prefixes: [], queries: 33),
    Case(
      name: "one key head for all", heads: 8, keyValueHeads: 1, headDimension: 16, prefixes: [], queries: 20),
    Case(name: "exactly a tile", heads: 2, keyValueHeads: 1, headDimension: 8, prefixes: [], queries: 64),
    Case(name: "a tile and one row", heads: 2, keyValueHeads: 1, headDimension: 8, prefixes: [], queries: 65),
    Case(name: "several tiles", heads: 2, keyValueHeads: 2, headDimension: 16, prefixes: [], queries: 200),
    Case(
      name: "a shared prefix", heads: 4, keyValueHeads: 2, headDimension: 8, prefixes: [11], queries: 3,
      gap: 5),
    Case(
      name: "three prefixes and several tiles", heads: 4, keyValueHeads: 2, headDimension: 8,
      prefixes: [1, 70, 17],
      queries: 131, gap: 4),
    Case(
      name: "one query over a long cache", heads: 6, keyValueHeads: 2, headDimension: 32, prefixes: [2047],
      queries: 1),
    Case(
      name: "padding: every query sees every key of the text", heads: 4, keyValueHeads: 2, headDimension: 8,
      prefixes: [5, 30], queries: 9, isCausal: false, gap: 3),
    Case(
      name: "padding over several tiles", heads: 2, keyValueHeads: 1, headDimension: 8, prefixes: [90],
      queries: 100,
      isCausal: false),
    Case(
      name: "scores in the hundreds", heads: 2, keyValueHeads: 1, headDimension: 16, prefixes: [3],
      queries: 40,
      scale: 400),
    Case(
      name: "a window shorter than a tile", heads: 2, keyValueHeads: 1, headDimension: 20, prefixes: [9, 40],
      queries: 75, gap: 1, window: 5),
    Case(
      name: "a window of several tiles", heads: 2, keyValueHeads: 1, headDimension: 16, prefixes: [300],
      queries: 50, window: 130),
    Case(
      name: "a window over a single query", heads: 2, keyValueHeads: 2, headDimension: 12, prefixes: [6, 50],
      queries: 1, window: 7),
    Case(
      name: "scores under a bound", heads: 3, keyValueHeads: 1, headDimension: 36, prefixes: [20],
      queries: 37,
      scale: 60, scoreCap: 3),
    Case(
      name: "two queries under a bound and in a window", heads: 2, keyValueHeads: 1, headDimension: 36,
      prefixes: [21], queries: 2, scale: 60, window: 9, scoreCap: 3),
  ]

  /// Widths of the registers that this processor has.
  static let widths = [4, 8, 16].filter { $0 <= Attention.widestVector }

  @Test(
    "every query gets the softmax-weighted values of the keys it sees, in registers of any width",
    arguments: cases, widths)
  func agreesWithDefinition(_ test: Case, width: Int) {
    let one = attend([test], threads: 1, width: width)
    #expect(largestError(one.found, one.expected) < 2e-6)
    #expect(
      attend([test], threads: 2, width: width).found == one.found, "the number of threads changes nothing")
  }

  @Test("jobs of different lengths run together as each alone")
  func manyJobs() {
    let tests = [1, 3, 64, 2, 90].map {
      Case(name: "\($0)", heads: 6, keyValueHeads: 2, headDimension: 8, prefixes: [$0 * 2, 5], queries: $0)
    }
    let together = attend(tests, threads: 2)
    #expect(largestError(together.found, together.expected) < 2e-6)
    let width = 6 * 8
    var first = 0
    for (index, test) in tests.enumerated() {
      let alone = attend([test], threads: 1, seed: UInt64(index))
      #expect(Array(together.found[first..<first + test.queries * width]) == alone.found)
      first += test.queries * width
    }
  }

  /// Queries, keys and values of one case in rows as the forward pass lays them out: heads of all three side by side.
  private struct Operands {
    var queries: [Float]
    var keyRanges: [[Float]]
    var output: [Float]
  }

  /// Runs the cases as one call; answers the outputs without the gaps, and what they should be.
  private func attend(
    _ tests: [Case], threads: Int, width: Int = Attention.widestVector, seed: UInt64 = 0
  ) -> (found: [Float], expected: [Double]) {
    let shape = tests[0]
    let (queryWidth, keyWidth) = (
      shape.heads * shape.headDimension, shape.keyValueHeads * shape.headDimension
    )
    var operands = tests.enumerated().map { index, test in
      let seed = (seed + UInt64(index)) * 100
      // Causal queries have keys of their own; others only those before them.
      let lengths = test.prefixes + (test.isCausal ? [test.queries] : [])
      return Operands(
        queries: TestNumbers.floats(test.queries * (queryWidth + test.gap), seed: seed, scale: test.scale),
        keyRanges: lengths.enumerated().map {
          TestNumbers.floats($1 * (2 * keyWidth + test.gap), seed: seed + 1 + UInt64($0))
        },
        output: Array(repeating: .nan, count: test.queries * (queryWidth + test.gap)))
    }
    let scale = 1 / Float(shape.headDimension).squareRoot()
    withPointers(&operands) { pointers in
      var jobs: [AttentionJob] = []
      var ranges: [KeyRange] = []
      for (test, pointer) in zip(tests, pointers) {
        let first = ranges.count
        let stride = 2 * keyWidth + test.gap
        for (keys, count) in pointer.keys {
          ranges.append(KeyRange(keys: keys, values: keys + keyWidth, stride: stride, count: count / stride))
        }
        jobs.append(
          AttentionJob(
            queries: pointer.queries, queryStride: queryWidth + test.gap, output: pointer.output,
            outputStride: queryWidth + test.gap, count: test.queries, ranges: first..<ranges.count,
            isCausal: test.isCausal))
      }
      let attention = Attention(
        heads: shape.heads, keyValueHeads: shape.keyValueHeads, headDimension: shape.headDimension,
        scale: scale, scoreCap: shape.scoreCap, window: shape.window, vectorWidth: width)
      attention(ComputeContext(threads: threads, precision: .f32), jobs, keyRanges: ranges)
    }
    var found: [Float] = []
    var expected: [Double] = []
    for (test, operand) in zip(tests, operands) {
      let stride = queryWidth + test.gap
      for row in 0..<test.queries {
        found += operand.output[row * stride..<row * stride + queryWidth]
        let between = operand.output[row * stride + queryWidth..<(row + 1) * stride]
        #expect(!between.contains { !$0.isNaN }, "a number between the rows was written to")
      }
      expected += naive(test, operand, scale: Double(scale))
    }
    return (found, expected)
  }

  private func naive(_ test: Case, _ operand: Operands, scale: Double) -> [Double] {
    let size = test.headDimension
    let (queryWidth, keyWidth) = (test.heads * size, test.keyValueHeads * size)
    let keyRows = operand.keyRanges.flatMap { range in
      stride(from: 0, to: range.count, by: 2 * keyWidth + test.gap).map {
        range[$0..<$0 + 2 * keyWidth].map(Double.init)
      }
    }
    var result: [Double] = []
    for row in 0..<test.queries {
      let seen = test.isCausal ? keyRows.count - test.queries + row + 1 : keyRows.count
      let first = max(0, seen - (test.window ?? seen))
      for head in 0..<test.heads {
        let query = (0..<size).map {
          Double(operand.queries[row * (queryWidth + test.gap) + head * size + $0])
        }
        let offset = head * test.keyValueHeads / test.heads * size
        let scores = keyRows[first..<seen].map { key in
          let score = scale * (0..<size).reduce(0.0) { $0 + query[$1] * key[offset + $1] }
          return test.scoreCap.map { Double($0) * tanh(score / Double($0)) } ?? score
        }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let sum = weights.reduce(0, +)
        for i in 0..<size {
          result.append(
            zip(weights, keyRows[first...]).reduce(0.0) { $0 + $1.0 / sum * $1.1[keyWidth + offset + i] })
        }
      }
    }
    return result
  }

  private struct Pointers {
    var queries: UnsafePointer<Float>
    var keys: [(UnsafePointer<Float>, count: Int)]
    var output: UnsafeMutablePointer<Float>
  }

  /// Lends copies of the operands in memory of their own, and copies the outputs back.
  private func withPointers(_ operands: inout [Operands], _ body: ([Pointers]) -> Void) {
    func copy(_ values: [Float]) -> UnsafeMutablePointer<Float> {
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: max(1, values.count))
      pointer.initialize(from: values, count: values.count)
      return pointer
    }
    let pointers = operands.map { operand in
      Pointers(
        queries: copy(operand.queries), keys: operand.keyRanges.map { (UnsafePointer(copy($0)), $0.count) },
        output: copy(operand.output))
    }
    body(pointers)
    for (index, pointer) in pointers.enumerated() {
      let count = operands[index].output.count
      operands[index].output = Array(UnsafeBufferPointer(start: pointer.output, count: count))
      pointer.queries.deallocate()
      pointer.output.deallocate()
      for (keys, _) in pointer.keys { keys.deallocate() }
    }
  }
}
