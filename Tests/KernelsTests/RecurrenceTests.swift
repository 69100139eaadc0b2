import Foundation
import Kernels
import Testing

/// The gated delta rule against its definition in double precision, for every width of registers.
@Suite("Gated delta nets")
struct RecurrenceTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var net: GatedDeltaNet
    var runs: [(count: Int, parent: Int?)]
    var carries = false
    var testDescription: String { name }

    /// The runs, one behind another.
    var recurrentRuns: [RecurrentRun] {
      var runs: [RecurrentRun] = []
      for (count, parent) in self.runs {
        let first = runs.last?.rows.upperBound ?? 0
        runs.append(
          RecurrentRun(
            rows: first..<first + count, parent: parent, depth: parent.map { runs[$0].depth + 1 } ?? 0))
      }
      return runs
    }
    var rows: Int { runs.reduce(0) { $0 + $1.count } }
  }

  private static func net(
    _ keyHeads: Int, _ valueHeads: Int, _ key: Int, _ value: Int, taps: Int = 4, tiled: Bool = false
  ) -> GatedDeltaNet {
    var net = GatedDeltaNet(
      keyHeads: keyHeads, valueHeads: valueHeads, keyDimension: key, valueDimension: value, taps: taps)
    if tiled { net.headOrder = .tiled }
    return net
  }

  static let cases = [
    Case(name: "one token", net: net(1, 1, 1, 1), runs: [(1, nil)]),
    Case(name: "odd sizes", net: net(2, 2, 7, 5), runs: [(9, nil)]),
    Case(name: "several pieces of columns", net: net(1, 2, 16, 70), runs: [(11, nil), (3, nil)]),
    Case(
      name: "longer than what is kept of states", net: net(1, 1, 5, 6), runs: [(70, nil), (130, 0), (3, 0)]),
    Case(name: "heads that share keys", net: net(3, 6, 8, 32), runs: [(6, nil)]),
    Case(name: "heads in turn", net: net(3, 6, 8, 32, tiled: true), runs: [(6, nil)]),
    Case(
      name: "texts that share beginnings", net: net(2, 2, 9, 33),
      runs: [(5, nil), (2, 0), (3, 1), (1, 1), (4, 0), (6, nil), (2, 5)]),
    Case(
      name: "what is carried over", net: net(2, 4, 6, 8), runs: [(3, nil), (2, 0), (1, nil)], carries: true),
  ]
  static let widths = [4, 8, 16].filter { $0 <= Attention.widestVector }

  /// Queries, keys and values, and the gates, of a case.
  private static func inputs(_ test: Case) -> (rows: [Float], gates: [Float]) {
    let gates = TestNumbers.floats(test.rows * 2 * test.net.valueHeads, seed: 2, scale: 0.5).map { $0 + 0.5 }
    return (TestNumbers.floats(test.rows * test.net.channels, seed: 1), gates)
  }

  /// What the definition says, and each run's last state.
  private static func expected(
    _ test: Case, _ rows: [Double], _ gates: [Double], initial: [Double]
  ) -> (outputs: [Double], states: [[Double]]) {
    let net = test.net
    let (depth, width) = (net.keyDimension, net.valueDimension)
    var outputs = [Double](repeating: 0, count: test.rows * net.valueWidth)
    var states: [[Double]] = []
    for run in test.recurrentRuns {
      var all = run.parent.map { states[$0] } ?? initial
      for row in run.rows {
        for head in 0..<net.valueHeads {
          let shared = net.valueHeads / net.keyHeads
          let keyHead = net.headOrder == .grouped ? head / shared : head % net.keyHeads
          let at = row * net.channels
          let q = Array(rows[(at + keyHead * depth)...].prefix(depth))
          let k = Array(rows[(at + net.keyWidth + keyHead * depth)...].prefix(depth))
          let v = Array(rows[(at + 2 * net.keyWidth + head * width)...].prefix(width))
          let a = gates[row * 2 * net.valueHeads + head]
          let b = gates[row * 2 * net.valueHeads + net.valueHeads + head]
          for j in 0..<width {
            func index(_ i: Int) -> Int { (head * depth + i) * width + j }
            for i in 0..<depth { all[index(i)] *= a }
            let found = (0..<depth).reduce(0) { $0 + k[$1] * all[index($1)] }
            for i in 0..<depth { all[index(i)] += k[i] * b * (v[j] - found) }
            outputs[row * net.valueWidth + head * width + j] = (0..<depth).reduce(0) {
              $0 + q[$1] * all[index($1)]
            }
          }
        }
      }
      states.append(all)
    }
    return (outputs, states)
  }

  @Test("what is read out of the state is what the definition says", arguments: cases, widths)
  func rule(_ test: Case, width: Int) throws {
    let net = test.net
    let (rows, gates) = Self.inputs(test)
    let stateCount = net.valueHeads * net.keyDimension * net.valueDimension
    let initial = TestNumbers.floats(net.stateCount, seed: 3, scale: test.carries ? 1 : 0)
    let (expected, states) = Self.expected(
      test, rows.map(Double.init), gates.map(Double.init),
      initial: initial.suffix(stateCount).map(Double.init))
    var outputs = [Float](repeating: .nan, count: test.rows * net.valueWidth)
    var final = [Float](repeating: .nan, count: net.stateCount)
    final.withUnsafeMutableBufferPointer { final in
      initial.withUnsafeBufferPointer { initial in
        var runs = test.recurrentRuns
        if test.carries {
          for index in runs.indices where runs[index].parent == nil {
            runs[index].initial = initial.baseAddress
          }
        }
        runs[runs.count - 1].finals = [final.baseAddress].compactMap(\.self)
        net.applyRule(
          ComputeContext(threads: 2, precision: .f32), runs, GatedDeltaNet.Inputs(net, rows, gates: gates),
          to: &outputs,
          stride: net.valueWidth, vectorWidth: width)
      }
    }
    #expect(largestError(outputs, expected) < 2e-6)
    #expect(largestError(final.suffix(stateCount), states[states.count - 1]) < 2e-6)
  }

  @Test("its gradient is the limit of differences", arguments: cases.filter { !$0.carries }, widths)
  func gradient(_ test: Case, width: Int) throws {
    let net = test.net
    let (rows, gates) = Self.inputs(test)
    let weights = TestNumbers.floats(test.rows * net.valueWidth, seed: 4)
    func value(_ rows: [Double], _ gates: [Double]) -> Double {
      let initial = [Double](repeating: 0, count: net.valueHeads * net.keyDimension * net.valueDimension)
      let outputs = Self.expected(test, rows, gates, initial: initial).outputs
      return zip(outputs, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    var (rowGradient, gateGradient) = (rows, gates)
    net.ruleGradient(
      ComputeContext(threads: 2, precision: .f32), test.recurrentRuns,
      GatedDeltaNet.Inputs(net, rows, gates: gates),
      rows: test.rows, outputGradient: weights, stride: net.valueWidth,
      to: GatedDeltaNet.InputGradients(net, &rowGradient, gates: &gateGradient), vectorWidth: width)
    // Along a direction: one of each element would take long, and each counts in it.
    for seed in UInt64(5)..<8 {
      let along = TestNumbers.floats(rows.count, seed: seed).map(Double.init)
      let gateAlong = TestNumbers.floats(gates.count, seed: seed + 10).map(Double.init)
      func moved(_ step: Double) -> Double {
        value(
          zip(rows, along).map { Double($0) + step * $1 },
          zip(gates, gateAlong).map { Double($0) + step * $1 })
      }
      let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5
      let found =
        zip(rowGradient, along).reduce(0) { $0 + Double($1.0) * $1.1 }
        + zip(gateGradient, gateAlong).reduce(0) { $0 + Double($1.0) * $1.1 }
      let scale = zip(rowGradient, along).reduce(0) { $0 + abs(Double($1.0) * $1.1) } + 1
      #expect(abs(found - expected) < 1e-5 * scale)
    }
  }

  @Test("the convolution sees its text alone, and goes on where another left off")
  func convolution() throws {
    let net = Self.net(1, 1, 3, 20, taps: 4)
    let channels = net.channels
    let weight = TestNumbers.floats(channels * net.taps, seed: 1)
    let convolution = CausalConvolution(net, weight: weight)
    let test = Case(name: "", net: net, runs: [(2, nil), (1, 0), (5, 1), (3, 0), (4, nil)])
    let runs = test.recurrentRuns
    let inputs = TestNumbers.floats(test.rows * channels, seed: 2)
    let context = ComputeContext(threads: 2, precision: .f32)
    var outputs = [Float](repeating: .nan, count: inputs.count)
    convolution.apply(context, runs, inputs, stride: channels, to: &outputs)
    // The rows of each run and all that come before it.
    func path(_ run: Int) -> [Int] { (runs[run].parent.map(path) ?? []) + Array(runs[run].rows) }
    var expected = [Double](repeating: 0, count: inputs.count)
    for run in runs.indices {
      let text = path(run)
      for (position, row) in text.enumerated() {
        for channel in 0..<channels {
          let sum = (0..<net.taps).reduce(0.0) { sum, tap in
            let place = position - net.taps + 1 + tap
            guard place >= 0 else { return sum }
            return sum
              + Double(weight[channel * net.taps + tap]) * Double(inputs[text[place] * channels + channel])
          }
          expected[row * channels + channel] = sum / (1 + exp(-sum))
        }
      }
    }
    #expect(largestError(outputs, expected) < 2e-6)

    // One token at a time, from what the token before it left.
    let text = path(2)
    var carried = [Float](repeating: 0, count: net.stateCount)
    for row in text {
      var output = [Float](repeating: .nan, count: channels)
      carried.withUnsafeMutableBufferPointer { carried in
        var run = RecurrentRun(rows: 0..<1)
        run.initial = carried.baseAddress.map { UnsafePointer($0) }
        run.finals = [carried.baseAddress].compactMap(\.self)
        convolution.apply(
          context, [run], Array(inputs[(row * channels)...].prefix(channels)), stride: channels, to: &output)
      }
      #expect(output == Array(outputs[(row * channels)...].prefix(channels)))
    }
  }
}
