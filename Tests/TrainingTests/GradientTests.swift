import Checkpoints
import Foundation
import Kernels
import Testing
import Training
import Transformer

/// Gradients of every decoder family against torch autograd, and of one model against central differences.
@Suite("Gradients")
struct GradientTests {
  static let contexts = [
    ComputeContext(threads: 1, precision: .f32), ComputeContext(threads: 2, precision: .f32),
  ]

  @Test(
    "every weight's gradient is autograd's, whether or not beginnings are shared, and what blocks compute is kept",
    arguments: GradientGoldens.all, [(true, 0), (true, 64 << 20), (false, 64 << 20)])
  func agreesWithAutograd(_ goldens: GradientGoldens, _ way: (sharing: Bool, kept: Int)) throws {
    let model = try Model(path: goldens.folder)
    let layout = ParameterLayout(model)
    let expected = try goldens.tensors()
    let cases = try goldens.cases()
    let (sharing, store) = (way.sharing, ActivationStore(limit: way.kept))
    let context = Self.contexts[sharing ? 1 : 0]
    let gradients = Gradients(layout)
    for group in goldens.dependsOnLength ? cases.map({ [$0] }) : [cases] {
      // Chunks smaller than the whole, so that texts are spread over several.
      let pass = try ResponsePass(
        model, context, group.map(\.sequence), layout, alone: sharing ? 0 : group.count, chunkTokens: 60,
        keepingIn: store)
      for (found, expected) in zip(pass.logProbabilities, group) {
        #expect(abs(found - expected.logProbability) < 1e-4 * max(1, abs(expected.logProbability)))
      }
      try pass.addGradient(weights: group.map(\.weight), to: gradients)
    }
    #expect(!layout.parameters.isEmpty)
    for parameter in layout.parameters { check(parameter, gradients.values(of: parameter), expected) }
  }

  @Test(
    "what a watcher is shown of a block gives the gradient of its MLP-value matrix: Σ g yᵀ = G Wᵀ",
    arguments: GradientGoldens.all)
  func isWatched(_ goldens: GradientGoldens) throws {
    let model = try Model(path: goldens.folder)
    let layout = ParameterLayout(model, .init(roles: [.mlpValue], biases: false))
    let cases = try goldens.cases()
    let gradients = Gradients(layout)
    let hidden = model.configuration.hidden
    var seen: [Int: Matrix] = [:]
    let pass = try ResponsePass(model, Self.contexts[1], cases.map(\.sequence), layout, chunkTokens: 60)
    try pass.addGradient(weights: cases.map(\.weight), to: gradients) { shown in
      let rows = shown.positions.count
      let g = Matrix(rows: rows, columns: hidden, widening: shown.gradient.span)
      let y = Matrix(rows: rows, columns: hidden, widening: shown.output.span)
      try seen[shown.block, default: Matrix(zeros: hidden, hidden)].addProduct(g, y, transposing: .first)
    }
    let isInputMajor = model.layout(of: .mlpValue) == .inputMajor
    for parameter in layout.parameters {
      let block = try #require(parameter.key.block)
      let found = try #require(seen[block])
      let entry = try #require(model.tensors[parameter.name])
      func matrix(_ values: [Float]) -> Matrix {
        Matrix(rows: entry.shape[0], columns: entry.shape[1], widening: values.span)
      }
      let (gradient, weight) = (
        matrix(gradients.values(of: parameter)), matrix(try model.tensors.floats(entry))
      )
      let expected = try Matrix.product(
        gradient, weight, transposing: isInputMajor ? .first : .second)
      var difference = found
      difference.subtract(expected)
      #expect(
        difference.squaredNorm <= 1e-8 * expected.squaredNorm, "\(goldens.name), \(parameter.name)")
    }
  }

  /// Compares a tensor, or its contractions, with the golden.
  private func check(
    _ parameter: ParameterLayout.Parameter, _ found: [Float], _ expected: [String: [Float]]
  ) {
    let values = found.map(Double.init)
    var pairs: [(String, [Double], [Float]?)] = []
    if let whole = expected[parameter.name] {
      pairs.append((parameter.name, values, whole))
    } else {
      let (rows, columns) = (parameter.shape[0], parameter.shape[parameter.shape.count - 1])
      let right = (0..<columns).map { cos(0.7 * Double($0) + 0.3) }
      let left = (0..<rows).map { cos(1.3 * Double($0) + 0.5) }
      var (byRows, byColumns) = (
        [Double](repeating: 0, count: rows), [Double](repeating: 0, count: columns)
      )
      for row in 0..<rows {
        for column in 0..<columns {
          byRows[row] += values[row * columns + column] * right[column]
          byColumns[column] += values[row * columns + column] * left[row]
        }
      }
      pairs.append((parameter.name + ".rows", byRows, expected[parameter.name + ".rows"]))
      pairs.append((parameter.name + ".columns", byColumns, expected[parameter.name + ".columns"]))
    }
    for (name, values, golden) in pairs {
      guard let golden = golden?.map(Double.init) else {
        Issue.record("there is no golden \(name)")
        continue
      }
      // A key's bias moves every score of a query alike, so its gradient is zero but for rounding: transformers takes
      // some softmaxes in f32 even in an f64 model.
      guard golden.contains(where: { abs($0) > 2e-5 }) else {
        #expect(values.allSatisfy { abs($0) < 1e-4 }, "\(name)")
        continue
      }
      let error = relativeError(values, golden)
      #expect(error < 1e-4, "\(name)")
    }
  }

  @Test("gradients of chosen roles and blocks are those of the whole")
  func selections() throws {
    let goldens = try #require(GradientGoldens.all.first { $0.name == "gemma2" })
    let model = try Model(path: goldens.folder)
    let cases = try goldens.cases()
    func gradients(_ selection: ParameterLayout.Selection) throws -> [String: [Float]] {
      let gradients = Gradients(ParameterLayout(model, selection))
      let pass = try ResponsePass(model, Self.contexts[0], cases.map(\.sequence), gradients.layout)
      try pass.addGradient(weights: cases.map(\.weight), to: gradients)
      return Dictionary(
        uniqueKeysWithValues: gradients.layout.parameters.map { ($0.name, gradients.values(of: $0)) })
    }
    let whole = try gradients(.all)
    let selections: [(ParameterLayout.Selection, Int)] = [
      (.init(roles: [.mlpValue], biases: false), 2), (.init(roles: [.mlpValue, .query], blocks: 2...2), 2),
      (.init(roles: [.finalNorm]), 1), (.init(roles: [.tokenEmbedding]), 1),
    ]
    for (selection, count) in selections {
      let part = try gradients(selection)
      #expect(part.count == count)
      for (name, values) in part { #expect(values == whole[name], "\(name)") }
    }
  }

  @Test(
    "what there is no room to keep, and what another pass has taken the place of, is computed once more",
    arguments: ["llama-tied", "gemma2", "gpt2"])
  func partlyKept(name: String) throws {
    let goldens = try #require(GradientGoldens.all.first { $0.name == name })
    let model = try Model(path: goldens.folder)
    let layout = ParameterLayout(model)
    let cases = try goldens.cases()
    func pass(_ store: ActivationStore?) throws -> ResponsePass {
      try ResponsePass(
        model, Self.contexts[1], cases.map(\.sequence), layout, chunkTokens: 60, keepingIn: store)
    }
    func values(_ pass: ResponsePass) throws -> [Float] {
      let gradients = Gradients(layout)
      gradients.reset()
      try pass.addGradient(weights: cases.map(\.weight), to: gradients)
      return gradients.withElements { Array($0) }
    }
    func expectEqual(_ found: [Float], _ expected: [Float], _ comment: Comment) {
      #expect(relativeError(found.map(Double.init), expected.map(Double.init)) < 1e-6, comment)
    }
    let expected = try values(pass(nil))
    let texts = cases.map(\.sequence)
    let scored = texts.reduce(0) { $0 + $1.scored.count }
    // Not even the logits; these alone; one block; all.
    let logits = scored * model.configuration.vocabulary * 4
    let tokens = texts.reduce(0) { $0 + $1.tokens.count }
    let all = BlockRecording.keptBytes(model, .f32, tokens: tokens, scored: scored, limit: 1 << 30)
    #expect(all > logits && model.configuration.blocks > 1)
    for limit in [0, logits + 64, logits + 64 + (all - logits) / model.configuration.blocks, 2 * all] {
      expectEqual(try values(pass(ActivationStore(limit: limit))), expected, "\(limit) bytes")
    }
    let store = ActivationStore(limit: 2 * all)
    let first = try pass(store)
    let second = try pass(store)
    expectEqual(try values(first), expected, "its place was taken")
    expectEqual(try values(second), expected, "kept")
    expectEqual(try values(second), expected, "used up")
  }

  @Test("gradients that are to be zero are, though their memory is not cleared before it is written")
  func resetting() throws {
    let goldens = try #require(GradientGoldens.all.first { $0.name == "gpt2" })
    let model = try Model(path: goldens.folder)
    let layout = ParameterLayout(model)
    let cases = try goldens.cases()
    let pass = try ResponsePass(model, Self.contexts[1], cases.map(\.sequence), layout)
    func values(resetting: Bool) throws -> [Float] {
      let gradients = Gradients(layout)
      if resetting {
        gradients.withElements { $0.update(repeating: .nan) }
        gradients.reset()
      }
      try pass.addGradient(weights: cases.map(\.weight), to: gradients)
      try pass.addGradient(weights: cases.map(\.weight), to: gradients)
      return gradients.withElements { Array($0) }
    }
    let (found, expected) = (try values(resetting: true), try values(resetting: false))
    for parameter in layout.parameters {
      #expect(found[parameter.elements] == expected[parameter.elements], "\(parameter.name)")
    }
    let untouched = Gradients(layout)
    untouched.withElements { $0.update(repeating: 1) }
    untouched.reset()
    #expect(layout.parameters.allSatisfy { untouched.values(of: $0).allSatisfy { $0 == 0 } })
  }

  @Test("a step along a direction changes the log-probabilities as the gradient says", arguments: 0..<4)
  func centralDifferences(seed: UInt64) throws {
    let goldens = try #require(GradientGoldens.all.first { $0.name == "gemma3-text" })
    let working = try WorkingModel(try Model(path: goldens.folder))
    let cases = try goldens.cases()
    let context = Self.contexts[1]
    let gradients = Gradients(working.layout)
    func pass() throws -> ResponsePass {
      try ResponsePass(working.model, context, cases.map(\.sequence), working.layout)
    }
    func value() throws -> Double {
      zip(try pass().logProbabilities, cases).reduce(0) { $0 + $1.0 * $1.1.weight }
    }
    try pass().addGradient(weights: cases.map(\.weight), to: gradients)

    var generator = SplitMix64(seed: seed)
    let direction = (0..<working.layout.count).map { _ in Float(generator.nextUnit() * 2 - 1) }
    func move(_ step: Float) {
      working.withParameters { parameters in
        for index in parameters.indices { parameters[index] += step * direction[index] }
      }
    }
    func difference(_ step: Float) throws -> Double {
      move(step)
      let above = try value()
      move(-2 * step)
      let below = try value()
      move(step)
      return (above - below) / Double(2 * step)
    }
    let slope = gradients.withElements { gradient in
      zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    }
    // Richardson's extrapolation takes out the error that goes with the step's square.
    let found = (4 * (try difference(5e-4)) - (try difference(1e-3))) / 3
    #expect(abs(found - slope) < 5e-3 * max(1, abs(slope)), "slope \(slope), found \(found)")
  }
}
