import Evaluation
import Kernels
import Testing
import Transformer

/// What an evaluation will hold is worked out before it begins, from what its steps allocate.
@Suite struct EvaluationPlanTests {
  private static let context = ComputeContext(threads: 1, precision: .f32)

  private static func panel(others: Int) throws -> ModelPanel {
    let model = try PerplexityTests.model("llama-untied")
    let hidden = model.configuration.hidden
    let axis = (0..<hidden).map { Float($0 == 0 ? 1 : 0) }
    let edit = ModelVariant(edits: [2: [.mlpValue: .projection(.init(basis: axis, rank: 1, strength: 1))]])
    return try ModelPanel(base: model, others: (0..<others).map { _ in .variant(edit) })
  }

  private static func bytes(_ plan: MemoryPlan, _ purpose: String) -> Int? {
    plan.items.first { $0.purpose.hasPrefix(purpose) }?.bytes
  }

  @Test(
    "Windows are read with the streams of all models, of as many tokens as a pass has",
    arguments: [0, 3])
  func windows(others: Int) throws {
    let panel = try Self.panel(others: others)
    let hidden = panel.base.configuration.hidden
    let texts = [Array(repeating: Int32(5), count: 60_000)]
    let windows = try TextWindows(texts, length: 32, stride: 32)
    let plan = try panel.memoryPlan(Self.context, windows)
    let tokens = 16_384 / (others + 1)
    #expect(Self.bytes(plan, "residual stream of \(tokens) tokens") == tokens * hidden * 4)
    #expect(
      Self.bytes(plan, "residual streams of \(others)") == (others > 0 ? others * tokens * hidden * 4 : nil))
    #expect(try #require(Self.bytes(plan, "\(tokens) rows")) == (others + 2) * tokens * hidden * 4)
    // Few windows need less.
    let few = try panel.memoryPlan(Self.context, windows[0..<3])
    #expect(Self.bytes(few, "residual stream of 96 tokens") == 96 * hidden * 4 && few.total < plan.total)
  }

  @Test(
    "Prompts are continued with the keys and values of the largest batch, once for each model",
    arguments: [0, 2])
  func prompts(others: Int) throws {
    let panel = try Self.panel(others: others)
    let configuration = panel.base.configuration
    let prompts = (0..<400).map { index in (0..<6).map { Int32(($0 * 7 + index) % 40) } }
    let plan = try #require(
      try panel.memoryPlan(Self.context, continuing: prompts, .init(maximumNewTokens: 4)))
    let row = 2 * configuration.keyValueWidth * 4 * configuration.blocks
    #expect(Self.bytes(plan, "keys and values of 256 prompts") == (others + 1) * 256 * 10 * row)
    // Greedily no row of logits is kept; sampling keeps those of 256 rows. All models' rows are multiplied together.
    let slice = configuration.vocabulary * (configuration.hidden + min(512, (others + 1) * 256)) * 4
    #expect(Self.bytes(plan, "a slice of the output matrix") == slice)
    let sampled = try panel.memoryPlan(
      Self.context, continuing: prompts, .init(maximumNewTokens: 4, sampling: Sampling(temperature: 1)))
    #expect(
      Self.bytes(try #require(sampled), "a slice of the output matrix")
        == slice + 256 * configuration.vocabulary * 4)
    #expect(try panel.memoryPlan(Self.context, continuing: [], .init(maximumNewTokens: 4)) == nil)
  }
}
