import Editing
import Kernels
import PreferenceData
import SubspaceEditing
import Testing
import Tokenization
import Transformer

/// Fits to some of a pass's pairs, against passes over those pairs alone.
@Suite struct SampledFittingTests {
  private static let goldens = PaperGoldens(name: "llama-biases")

  private static func recipe(_ method: EditRecipe.Method) -> EditRecipe {
    var recipe = EditRecipe(method: method, rank: .fixed(2), blocks: PaperGoldens.blocks)
    if method == .protected { recipe.protectedDirections = 5 }
    if method == .oblique { recipe.ranking = .mean }
    return recipe
  }

  private static func fitting(
    _ method: EditRecipe.Method, _ sample: PairSample? = nil
  ) throws -> SubspaceFitting {
    let model = try goldens.model()
    let (chosen, rejected) = try goldens.pairs(64, model)
    let all = sample ?? PairSample(pairs: Array(0..<64))
    let sides = all.sides(chosen: chosen, rejected: rejected)
    let tokenizer = try model.tokenizer()
    let neutral = try NeutralText.builtin.passages.prefix(20).map { try tokenizer.encode($0, limit: 40) }
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32), recipe(method), chosen: sides.chosen,
      rejected: sides.rejected, neutral: method.usesNeutralText ? neutral : [])
  }

  @Test(
    "a sample with exchanged sides has the subspace that a pass over it alone finds",
    arguments: [EditRecipe.Method.paper, .protected, .oblique])
  func sample(_ method: EditRecipe.Method) throws {
    let sample = PairSample(pairs: [40, 3, 17, 9, 60, 22, 5, 31, 12, 48], flipped: [9, 31, 48])
    let whole = PairSample(pairs: Array(0..<64))
    let found = try Self.fitting(method).run([
      .init(recipe: Self.recipe(method), sample: sample), .init(recipe: Self.recipe(method), sample: whole),
    ])
    let alone = [try Self.fitting(method, sample).run(), try Self.fitting(method).run()]
    for (one, other) in zip(found, alone) {
      #expect(one.blocks.map(\.block) == Array(PaperGoldens.blocks))
      for (a, b) in zip(one.blocks, other.blocks) {
        let angle = try PrincipalAngles(between: a.subspace.directions, and: b.subspace.directions)
        #expect(angle.largestSine < 1e-4, "block \(a.block)")
      }
    }
    let between = try PrincipalAngles(
      between: found[0].blocks[0].subspace.directions, and: found[1].blocks[0].subspace.directions)
    #expect(between.largestSine > 0.01, "the sample makes a difference")
  }

  @Test(
    "one pass there and back gives samples the steps that passes over each alone find, in portions too",
    arguments: [Int.max, 300])
  func steps(passTokens: Int) throws {
    let samples = [
      PairSample(pairs: [40, 3, 17, 9, 60, 22, 5, 31, 12, 48], flipped: [9, 31, 48]),
      PairSample(pairs: Array(0..<64)), PairSample(pairs: Array(20..<40)),
    ]
    var fitting = try Self.fitting(.natural)
    fitting.passTokens = min(passTokens, fitting.passTokens)
    let found = try fitting.run(samples.map { .init(recipe: Self.recipe(.natural), sample: $0) })
    for (sample, one) in zip(samples, found) {
      let alone = try Self.fitting(.natural, sample).run()
      #expect(one.provenance.pairs == sample.pairs.count)
      #expect(one.blocks.map(\.block) == alone.blocks.map(\.block))
      for (a, b) in zip(one.blocks, alone.blocks) {
        let (found, expected) = (try a.subspace.changeMap(), try b.subspace.changeMap())
        let square = expected.reduce(0) { $0 + $1 * $1 }
        let difference = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect((difference / square).squareRoot() < 1e-3, "block \(a.block) of \(sample.pairs.count) pairs")
      }
    }
    let (one, other) = (
      try found[0].blocks[0].subspace.changeMap(), try found[1].blocks[0].subspace.changeMap()
    )
    let square = other.reduce(0) { $0 + $1 * $1 }
    #expect(
      zip(one, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } > 0.01 * square, "samples differ")
  }

  @Test("without centring the mean of the chosen side is left in")
  func uncentred() throws {
    let all = PairSample(pairs: Array(0..<64))
    let found = try Self.fitting(.paper).run([
      .init(recipe: Self.recipe(.paper), sample: all),
      .init(recipe: Self.recipe(.paper), sample: all, centred: false),
    ])
    let values = found.map { $0.blocks[0].subspace.singularValues }
    #expect(zip(values[0], values[1]).allSatisfy { $0 <= $1 * 1.000001 } && values[0] != values[1])
  }
}
