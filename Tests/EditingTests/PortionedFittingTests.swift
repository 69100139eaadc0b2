import Editing
import Kernels
import PreferenceData
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// Texts that go through the blocks in portions give the subspace that all at once give, in memory that does not grow with
/// the pairs.
@Suite struct PortionedFittingTests {
  private static let goldens = PaperGoldens(name: "llama-biases")

  private static func recipe(_ method: EditRecipe.Method) -> EditRecipe {
    var recipe = EditRecipe(method: method, rank: .fixed(2), blocks: PaperGoldens.blocks)
    if method == .protected { (recipe.protectedDirections, recipe.ranking) = (5, .consistency) }
    if method == .oblique { recipe.ranking = .mean }
    return recipe
  }

  private static func fitting(
    _ method: EditRecipe.Method, _ pairs: Int, portionTokens: Int?, longer: Int = 1
  ) throws -> SubspaceFitting {
    let model = try goldens.model()
    var (chosen, rejected) = try goldens.pairs(pairs, model)
    // More pairs, none of which repeats another: each begins with another token.
    let all = (1...longer).map { Int32($0) }
    (chosen, rejected) = (
      all.flatMap { first in chosen.map { [first] + $0 } },
      all.flatMap { first in rejected.map { [first] + $0 } }
    )
    let tokenizer = try model.tokenizer()
    let neutral = try NeutralText.builtin.passages.prefix(20).map { try tokenizer.encode($0, limit: 40) }
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32), recipe(method), chosen: chosen, rejected: rejected,
      neutral: method.usesNeutralText ? neutral : [], padding: 3, portionTokens: portionTokens)
  }

  private static let projections: [EditRecipe.Method] = [.paper, .detoxEdit, .protected, .oblique]

  @Test(
    "Small portions and one large one span the same space, with fewer and more pairs than dimensions",
    arguments: projections, PaperGoldens.pairCounts)
  func portions(_ method: EditRecipe.Method, _ pairs: Int) throws {
    let (whole, parts) = (
      try Self.fitting(method, pairs, portionTokens: .max),
      try Self.fitting(method, pairs, portionTokens: 250)
    )
    #expect(whole.weightPasses == 1 && parts.weightPasses > 3)
    #expect(whole.gramSide == (pairs == 20 ? .rows : .columns) && parts.gramSize == min(pairs, 48))
    var told: [Int] = []
    let (one, other) = (try whole.run(), try parts.run(progress: { told.append($0 * 1000 / $1) }))
    #expect(told == told.sorted() && told.last == 1000)
    #expect(one.provenance == other.provenance && one.blocks.map(\.block) == other.blocks.map(\.block))
    // What the blocks write is rounded to single precision, by sums whose order depends on how many texts go together; the
    // neutral text of the other recipes makes a little more of it.
    let tolerance = [.paper, .detoxEdit].contains(method) ? 1e-6 : 3e-6
    for (a, b) in zip(one.blocks, other.blocks) {
      let angle = try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions).largestSine
      #expect(angle < tolerance, "block \(a.block): \(angle)")
      let (u, v) = (a.subspace.taken, b.subspace.taken)
      #expect(try PrincipalAngles(between: u, and: v).largestSine < tolerance)
      for (x, y) in zip(a.subspace.singularValues, b.subspace.singularValues).prefix(10) {
        #expect(abs(x - y) < 1e-5 * x)
      }
    }
  }

  @Test(
    "Sums over more pairs than dimensions stand for their rows",
    arguments: [EditRecipe.Method.paper, .protected, .oblique])
  func rows(_ method: EditRecipe.Method) throws {
    let sums = try Self.fitting(method, 64, portionTokens: .max).run()
    let all = PairSample(pairs: Array(0..<64))
    let rows = try Self.fitting(method, 64, portionTokens: .max).run([
      .init(recipe: Self.recipe(method), sample: all)
    ])[0]
    for (a, b) in zip(sums.blocks, rows.blocks) {
      let angle = try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions).largestSine
      // Rows in whitened coordinates are rounded to single precision, sums are not.
      #expect(angle < (method == .oblique ? 1e-5 : 1e-6), "block \(a.block): \(angle)")
    }
  }

  @Test(
    "Twenty times as many pairs are planned with the memory of a portion", arguments: projections + [.natural]
  )
  func memory(_ method: EditRecipe.Method) throws {
    let few = try Self.fitting(method, 64, portionTokens: 1500, longer: 2)
    let many = try Self.fitting(method, 64, portionTokens: 1500, longer: 40)
    let (one, other) = (try few.memoryPlan(), try many.memoryPlan())
    #expect(many.tokenCount > 15 * few.tokenCount && many.weightPasses >= 10)
    #expect(Double(other.total) < 1.1 * Double(one.total), "\(one.items) \(other.items)")
    if method.isProjection {
      // Without portions it grows.
      let whole = try Self.fitting(method, 64, portionTokens: .max, longer: 40).memoryPlan()
      #expect(whole.total > other.total + 1_000_000)
    }
  }

  @Test(
    "Where pairs keep their rows, portions are planned as long as the rows of all blocks take less than all tokens",
    arguments: [EditRecipe.Method.paper, .protected, .oblique])
  func rowPlan(_ method: EditRecipe.Method) throws {
    // A pair has about ten tokens, of which two blocks keep four rows.
    let parts = try Self.fitting(method, 64, portionTokens: 250, longer: 20)
    let whole = try Self.fitting(method, 64, portionTokens: .max, longer: 20)
    let (one, other) = (try whole.rowMemoryPlan(decomposing: 100), try parts.rowMemoryPlan(decomposing: 100))
    func bytes(_ plan: MemoryPlan, _ purpose: String) throws -> Int {
      try #require(plan.items.first { $0.purpose.contains(purpose) }).bytes
    }
    let row = 48 * 4
    #expect(try bytes(one, "residual stream") > 4 * 1280 * row)
    #expect(try bytes(other, "residual stream") < 20 * 250 * row)
    // Both blocks are decomposed together, in other coordinates or not; of portions they wait beside the one that is computed.
    let whitened = method == .oblique ? 2 : 0
    #expect(try bytes(one, "embeddings of 1280 pairs") == (2 + whitened) * 2 * 1280 * row)
    #expect(try bytes(other, "embeddings of 1280 pairs") == (3 + whitened) * 2 * 1280 * row)
    #expect(try bytes(one, "decomposition") == 2 * (2 * 100 * row + 6 * 100 * row + 2 * 48 * 48 * 8))
    #expect(other.total < one.total)
  }

  @Test(
    "Halves of the pairs agree as much whether their texts went through the blocks in portions or not",
    arguments: [EditRecipe.Method.paper, .detoxEdit, .protected, .oblique])
  func stability(_ method: EditRecipe.Method) throws {
    let whole = try Self.fitting(method, 64, portionTokens: .max, longer: 2).stability(seed: 5)
    let parts = try Self.fitting(method, 64, portionTokens: 250, longer: 2).stability(seed: 5)
    #expect(
      whole.samples.map(\.pairs) == [10, 25, 50, 64]
        && parts.samples.map(\.pairs) == whole.samples.map(\.pairs)
    )
    for (a, b) in zip(whole.samples, parts.samples) {
      #expect(abs(a.overlap - b.overlap) < 1e-4 && a.chance == b.chance, "\(a) \(b)")
      #expect(a.overlap > 0 && a.overlap <= 1)
    }
    for (a, b) in zip(whole.labels, parts.labels) { #expect(abs(a.overlap - b.overlap) < 1e-4, "\(a) \(b)") }
    #expect(whole.labels.map(\.share) == [0.1, 0.25, 0.5])
    // An exchanged pair changes the sign of its row: what is taken by singular value stays, whatever that does to the mean that
    // is projected out; what the rows agree in does not.
    let left = whole.labels.map(\.overlap)
    if method == .oblique || method == .protected {
      #expect(left[2] < 0.8 && left[2] < left[0], "\(left)")
    } else {
      #expect(left.allSatisfy { $0 > 0.9 }, "\(left)")
    }
  }

  @Test("A text that is too long or empty is found before the first portion")
  func refusals() throws {
    let model = try Self.goldens.model()
    let context = ComputeContext(threads: 1, precision: .f32)
    let most = model.configuration.maximumPositions
    var recipe = Self.recipe(.paper)
    recipe.maximumTokens = most + 1
    var chosen = (0..<60).map { [Int32]([5, 6, 7, Int32($0)]) }
    let rejected = chosen.map { $0.reversed() as [Int32] }
    chosen[59] = Array(repeating: 5, count: most + 1)
    let long = try SubspaceFitting(
      model, context, recipe, chosen: chosen, rejected: rejected, portionTokens: 30)
    var told = 0
    #expect { try long.run(progress: { _, _ in told += 1 }) } throws: {
      "\($0)".contains("\(most + 1) tokens")
    }
    #expect(told == 0)
    chosen[59] = []
    #expect {
      try SubspaceFitting(model, context, recipe, chosen: chosen, rejected: rejected, portionTokens: 30)
    } throws: { "\($0)".contains("text 120 has no tokens") }
  }
}
