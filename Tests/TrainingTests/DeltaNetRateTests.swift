import Kernels
import Testing
import Training
import Transformer

@Suite struct DeltaNetRateTests {
  /// A rate r = −eᴬ: dL/dA = r · dL/dr.
  @Test("of a GGUF file the gradient is that of the rates that it holds, not of their logarithms")
  func rates() throws {
    let goldens = try #require(GradientGoldens.all.first { $0.name == "qwen3.5" })
    let cases = try goldens.cases()
    func gradients(_ path: String) throws -> (values: [[Float]], rates: [[Float]]) {
      let model = try Model(path: path)
      let layout = ParameterLayout(model)
      let gradients = Gradients(layout)
      let pass = try ResponsePass(
        model, ComputeContext(threads: 2, precision: .f32), cases.map(\.sequence), layout)
      try pass.addGradient(weights: cases.map(\.weight), to: gradients)
      let blocks = (1...3).filter(model.configuration.isRecurrent)
      return try (
        blocks.map {
          gradients.values(of: layout.parameters[try #require(layout.index(.deltaDecay, block: $0))])
        },
        blocks.map { try model.normWeight(model.weight(.deltaDecay, block: $0), .deltaDecay) }
      )
    }
    let folder = try gradients(goldens.folder)
    let file = try gradients(GradientGoldens.checkpoint("gguf/qwen3.5.gguf"))
    // Two heads of keys, each with two of values, which the file has in turn.
    let places = [0, 2, 1, 3]
    #expect(folder.values.count == 3 && folder.values.joined().contains { abs($0) > 1e-3 })
    for (expected, found) in zip(folder.values, zip(file.values, file.rates)) {
      for (head, place) in places.enumerated() {
        let logarithm = found.0[head] * found.1[head]
        #expect(abs(logarithm - expected[place]) <= 1e-4 * (1 + abs(expected[place])))
      }
    }
  }
}
