import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// Variants that run beside their base against the checkpoints they stand for, run by themselves.
@Suite("Models side by side")
struct ModelPanelTests {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "TransformerTests/Fixtures").path
  /// Biases on the value matrix, parallel branches, norms after the branch or the sum, fused and plain weights.
  static let families = [
    "llama-untied", "gpt2", "gptj", "gpt-neox-parallel", "gemma3-text", "olmo2", "opt", "opt-post-norm",
    "stablelm-parallel", "gemma4", "gemma4-text",
  ]
  static let context = ComputeContext(threads: 2, precision: .f32)
  static let firstBlock = 2

  /// Texts of several lengths, enough of them for several chunks a thread.
  static func texts(_ model: Model, count: Int = 90) -> [[Int32]] {
    var numbers = SplitMix64(seed: 7)
    return (0..<count).map { index in
      (0..<5 + index % 17).map { _ in Int32(numbers.next() % UInt64(model.configuration.vocabulary)) }
    }
  }

  static func subspace(of model: Model, rank: Int = 2) throws -> EditSubspace {
    let half = texts(model, count: 24)
    return try SubspaceFitting(
      model, context, EditRecipe(rank: .fixed(rank), blocks: firstBlock...model.configuration.blocks),
      chosen: Array(half.prefix(12)), rejected: Array(half.suffix(12))
    ).run()
  }

  /// The base, the edit as a projection, and as the checkpoint that it writes.
  struct Subjects {
    let base: Model
    let projection: ModelVariant
    let edited: Model

    init(_ name: String, _ folder: TemporaryFolder) throws {
      base = try Model(path: fixtures + "/" + name)
      let subspace = try ModelPanelTests.subspace(of: base)
      let out = folder.path("edited")
      _ = try EditApplication(base, subspace, strength: 0.7, seed: 0).write(to: out)
      edited = try Model(path: out)
      projection = try subspace.variant(strength: 0.7)
    }

    var panel: ModelPanel {
      get throws { try ModelPanel(base: base, others: [.variant(projection), .model(edited)]) }
    }
  }

  static func rows(_ forest: TokenForest, _ texts: [[Int32]]) -> (rows: [Int], targets: [Int32]) {
    var rows: [Int] = []
    var targets: [Int32] = []
    for (text, tokens) in texts.enumerated() {
      let own = forest.ranges(ofText: text).flatMap { Array($0) }
      rows += own.dropLast()
      targets += tokens.dropFirst()
    }
    return (rows, targets)
  }

  @Test("An edit scores the same as a projection, as new weights, and by itself", arguments: families)
  func scores(_ name: String) throws {
    let folder = try TemporaryFolder()
    let subjects = try Subjects(name, folder)
    let panel = try subjects.panel
    // The written checkpoint differs in the edited matrices alone, so it too runs beside the base.
    #expect(panel.firstEditedBlock(1) == Self.firstBlock && panel.firstEditedBlock(2) == Self.firstBlock)

    let texts = Self.texts(subjects.base)
    let forest = TokenForest(texts, chunkTokens: 64)
    let (rows, targets) = Self.rows(forest, texts)
    let found = try panel.score(Self.context, forest, rows: rows, targets: targets)
    func alone(_ model: Model) throws -> RowScores {
      try ModelPanel(base: model).score(Self.context, forest, rows: rows, targets: targets)[0]
    }
    let (base, edited) = (try alone(subjects.base), try alone(subjects.edited))
    func furthest(_ a: RowScores, _ b: RowScores) -> Double {
      zip(a.logProbabilities, b.logProbabilities).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    #expect(furthest(found[0], base) == 0)
    #expect(furthest(found[2], edited) < 1e-5)
    // The checkpoint's weights are rounded to its type; the projection is not.
    #expect(furthest(found[1], edited) < 5e-2)
    #expect(furthest(base, edited) > 5 * furthest(found[1], edited))

    // Divergence and agreement from whole rows of logits, in double precision.
    let head = LanguageModelHead(subjects.base, Self.context)
    let p = try head.logits(ForwardPass(subjects.base, Self.context, forest).finalStreams()[0], rows: rows)
    let q = try LanguageModelHead(subjects.edited, Self.context).logits(
      ForwardPass(subjects.edited, Self.context, forest).finalStreams()[0], rows: rows)
    let vocabulary = subjects.base.configuration.vocabulary
    for (index, _) in rows.enumerated() {
      let range = index * vocabulary..<(index + 1) * vocabulary
      let expected = divergence(p[range].map(Double.init), q[range].map(Double.init))
      #expect(abs(found[2].divergences[index] - expected) < 1e-6 + 1e-4 * expected)
      #expect(found[0].divergences[index] == 0)
      let best = p[range].indices.max { p[$0] < p[$1] || p[$0] == p[$1] && $0 > $1 } ?? 0
      #expect(Int(found[0].bestTokens[index]) == best - range.lowerBound)
    }
  }

  private func divergence(_ z: [Double], _ y: [Double]) -> Double {
    func logNormalizer(_ x: [Double]) -> Double {
      let largest = x.max() ?? 0
      return largest + log(x.reduce(0) { $0 + exp($1 - largest) })
    }
    let (a, b) = (logNormalizer(z), logNormalizer(y))
    return zip(z, y).reduce(0) { $0 + exp($1.0 - a) * (($1.0 - a) - ($1.1 - b)) }
  }

  @Test(
    "Variants decode as the checkpoints they stand for",
    arguments: ["llama-untied", "gpt2", "gemma3-text", "gemma4"])
  func continuations(_ name: String) throws {
    let folder = try TemporaryFolder()
    let subjects = try Subjects(name, folder)
    let prompts = Self.texts(subjects.base, count: 40)
    for sampling in [Sampling.greedy, Sampling(temperature: 0.8, topK: nil, topP: nil)] {
      let options = Decoder.Options(maximumNewTokens: 8, sampling: sampling)
      let found = try ModelPanel(base: subjects.base, others: [.model(subjects.edited)])
        .generate(Self.context, prompts, options)
      let base = try Decoder(subjects.base, Self.context).generate(prompts, options)
      let edited = try Decoder(subjects.edited, Self.context).generate(prompts, options)
      #expect(found == [base, edited])
      #expect(base != edited)
    }
  }

  @Test("Variants that decode together write what each writes alone", arguments: families)
  func manyContinuations(_ name: String) throws {
    let folder = try TemporaryFolder()
    let subjects = try Subjects(name, folder)
    let prompts = Self.texts(subjects.base, count: 40)
    let options = Decoder.Options(maximumNewTokens: 6)
    let stronger = try Self.subspace(of: subjects.base, rank: 4).variant(strength: 1.5)
    let others: [ModelPanel.Other] = [
      .variant(subjects.projection), .variant(stronger), .model(subjects.edited),
    ]
    let alone = try others.map {
      try ModelPanel(base: subjects.base, others: [$0]).generate(Self.context, prompts, options)[1]
    }
    let base = try Decoder(subjects.base, Self.context).generate(prompts, options)
    // Some that only remove something, and with a checkpoint's own matrices among them.
    for count in [2, 3] {
      let found = try ModelPanel(base: subjects.base, others: Array(others.prefix(count)))
        .generate(Self.context, prompts, options)
      #expect(found == [base] + alone.prefix(count))
    }
    #expect(Set([base] + alone.prefix(2)).count == 3)
  }

  @Test("Variants compared with a base that ran before diverge from it as beside it", arguments: families)
  func comparedLater(_ name: String) throws {
    let subjects = try Subjects(name, try TemporaryFolder())
    let early = try SubspaceFitting(
      subjects.base, Self.context, EditRecipe(rank: .fixed(1), blocks: 1...1),
      chosen: Array(Self.texts(subjects.base, count: 4).prefix(2)),
      rejected: Array(Self.texts(subjects.base, count: 4).suffix(2))
    ).run().variant(strength: 1)
    let texts = Self.texts(subjects.base)
    let forest = TokenForest(texts, chunkTokens: 64)
    let (rows, targets) = Self.rows(forest, texts)
    let scoring = try VariantScoring(
      subjects.base, Self.context, forest, rows: rows, targets: targets, firstBlocks: [1, Self.firstBlock])
    for variants in [[subjects.projection], [early, subjects.projection]] {
      let beside = try ModelPanel(base: subjects.base, others: variants.map { .variant($0) })
        .score(Self.context, forest, rows: rows, targets: targets).dropFirst().map(\.divergences)
      #expect(try scoring.divergences(of: variants) == beside)
      #expect(beside.allSatisfy { $0.contains { $0 > 1e-4 } })
    }
  }

  @Test(
    "A variant that begins behind the blocks whose keys are taken over takes over its base's",
    arguments: 2...5)
  func keysOfTheBase(_ firstBlock: Int) throws {
    let base = try Model(path: Self.fixtures + "/gemma4")
    #expect(base.configuration.blockShapes.map(\.keySource) == [nil, nil, nil, 2, 3])
    let half = Self.texts(base, count: 24)
    let subspace = try SubspaceFitting(
      base, Self.context, EditRecipe(rank: .fixed(2), blocks: firstBlock...5), chosen: Array(half.prefix(12)),
      rejected: Array(half.suffix(12))
    ).run()
    let folder = try TemporaryFolder()
    _ = try EditApplication(base, subspace, strength: 0.7, seed: 0).write(to: folder.path("edited"))
    let edited = try Model(path: folder.path("edited"))
    let texts = Self.texts(base)
    let forest = TokenForest(texts, chunkTokens: 64)
    let (rows, targets) = Self.rows(forest, texts)
    let beside = try ModelPanel(base: base, others: [.model(edited)])
      .score(Self.context, forest, rows: rows, targets: targets)[1]
    let alone = try ModelPanel(base: edited).score(Self.context, forest, rows: rows, targets: targets)[0]
    for (a, b) in zip(beside.logProbabilities, alone.logProbabilities) { #expect(abs(a - b) < 1e-5) }
    let variant = try subspace.variant(strength: 0.7)
    let scoring = try VariantScoring(
      base, Self.context, forest, rows: rows, targets: targets, firstBlocks: [firstBlock])
    let expected = try ModelPanel(base: base, others: [.variant(variant)])
      .score(Self.context, forest, rows: rows, targets: targets)[1].divergences
    #expect(try scoring.divergences(of: [variant]) == [expected])
    let prompts = Array(texts.prefix(40))
    let options = Decoder.Options(maximumNewTokens: 6)
    let found = try ModelPanel(base: base, others: [.model(edited)]).generate(Self.context, prompts, options)
    #expect(try found[1] == Decoder(edited, Self.context).generate(prompts, options))
  }

  @Test("A checkpoint of another origin runs by itself")
  func strangers() throws {
    let base = try Model(path: Self.fixtures + "/llama-untied")
    let other = try Model(path: Self.fixtures + "/qwen3")
    let panel = try ModelPanel(base: base, others: [.model(other)])
    #expect(panel.firstEditedBlock(1) == nil)
    let texts = Self.texts(base)
    let forest = TokenForest(texts, chunkTokens: 64)
    let (rows, targets) = Self.rows(forest, texts)
    let found = try panel.score(Self.context, forest, rows: rows, targets: targets)
    let alone = try ModelPanel(base: other).score(Self.context, forest, rows: rows, targets: targets)
    #expect(found[1].logProbabilities == alone[0].logProbabilities)
    #expect(found[1].divergences.contains { $0 > 1e-3 })
  }
}
