internal import ArgumentParser
internal import Editing
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Training
internal import Transformer

/// `profs gradients`: what DPO's first step would do with the matrices that an edit projects.
struct GradientsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradients",
    abstract: "Measure how much of DPO's first gradient lies in a subspace, block by block.",
    discussion: """
      G is the gradient of DPO's loss with respect to a block's MLP-value matrix at the reference, where every pair's \
      margin is 0: -(beta / 2N) times the sum over pairs of grad ln p(chosen) - grad ln p(rejected). The subspace acts on \
      the side of G that the matrix writes to. share is |P G| / |G| in Frobenius norms; random the same of random \
      subspaces of equal rank k, about the square root of k / width; angles are the principal angles, in degrees, between \
      the subspace and G's first k left singular vectors.

      With --recipe a subspace is fitted to the first n pairs at each of --counts, and beside the shares, which are those of the \
      largest n, stands how near each comes to that one: the overlap is the mean squared cosine of their principal angles, and \
      chance the overlap of a random subspace.

      Gradients are added up in single precision, whatever the model is stored in and products are made of.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.") var model: String
  @OptionGroup var responses: ResponseOptions
  @Option(help: ArgumentHelp("Subspace file that profs fit wrote.", valueName: "file")) var subspace: String?
  @Option(
    help: ArgumentHelp(
      "Numbers of pairs to report at, from the first pair on, e.g. 8,32,128; by default all.",
      valueName: "n,…"))
  var counts: String?
  @Option(help: "Fit subspaces by this recipe in place of --subspace: paper, protected or oblique.")
  var recipe: EditRecipe.Method?
  @Option(
    help: ArgumentHelp(
      "Take no more than this many of the subspace's directions; with --recipe, fit so many.", valueName: "k")
  )
  var rank: Int?
  @Option(help: ArgumentHelp("With --recipe: blocks to fit; by default the upper half.", valueName: "a-b"))
  var layers: LayerRange?
  @Option(help: ArgumentHelp("DPO's beta, a factor on every gradient.", valueName: "b")) var beta = 0.1
  @Option(help: "Precision of matrix products: bf16 rounds what each is made of, weights too.")
  var compute: ComputePrecision = .f32
  @Option(help: ArgumentHelp("Threads; by default one for each processor.", valueName: "n")) var threads: Int?
  @Option(help: ArgumentHelp("Seed of the random subspaces.", valueName: "n")) var seed: UInt64 = 0
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1.") }
    if !beta.isFinite || beta <= 0 { throw ValidationError("--beta must be above 0.") }
    guard recipe == nil || subspace == nil else {
      throw ValidationError("--recipe fits subspaces and --subspace gives one: leave one of them out.")
    }
    guard recipe != nil || layers == nil else { throw ValidationError("--layers belongs to --recipe.") }
    if let rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
    _ = try parsedCounts()
  }

  func run() throws {
    let opened = try Model(path: model)
    let given = try subspace.map { try EditSubspace(path: $0).restricted(to: nil, rank: rank) }
    try given?.requireFits(opened)
    let context = ComputeOptions.context(compute, threads: threads, seed: seed)
    let quiet = output.quiet || output.json
    let (pairs, _) = try ProgressBar.run("reading pairs", quiet: quiet) { _ in
      try responses.scoredPairs(opened)
    }
    guard !pairs.isEmpty else {
      throw TrainingError(responses.source.pairs, "there are no pairs in the file")
    }
    let counts = try parsedCounts() ?? [pairs.count]
    let convergence = try recipe.map { try compared($0, opened, context, counts, quiet: quiet) }
    let chosen = convergence?.subspace ?? given
    let subspaces = Dictionary(
      uniqueKeysWithValues: chosen?.blocks.map { ($0.block, $0.subspace) } ?? [])
    let analysis = GradientAnalysis(
      opened, context, pairs: pairs, subspaces: subspaces, beta: beta)
    let (reports, seconds) = try ProgressBar.run("differentiating", quiet: quiet) {
      try analysis.run(counts: counts, progress: $0)
    }
    if output.json {
      let found = convergence.map { [("convergence", JSON.array($0.reports.map(GradientTable.json)))] } ?? []
      Console.json(
        .object(
          [("counts", .array(reports.map(GradientTable.json))), ("beta", .double(beta))] + found
            + [("compute", .string(compute.rawValue)), ("seconds", .double(seconds))]))
    } else {
      GradientTable.print(reports)
      if let convergence { GradientTable.print(convergence.reports) }
    }
  }

  /// Subspaces of the first pairs, as many as each of `counts` says, whole texts cut as `profs fit` cuts them, as written
  /// unless told otherwise.
  private func compared(
    _ method: EditRecipe.Method, _ model: Model, _ context: ComputeContext, _ counts: [Int], quiet: Bool
  ) throws -> SubspaceConvergence {
    var recipe = EditRecipe.standard(
      method, blocks: model.configuration.blocks, hidden: model.configuration.hidden)
    if let rank { recipe.rank = .fixed(rank) }
    if let layers { recipe.blocks = layers.blocks }
    let sides = try responses.source.tokenizedPairs(model, maxTokens: recipe.maximumTokens)
    let neutral = try NeutralText.builtin.tokens(
      for: method, try model.tokenizer(), limit: recipe.maximumTokens)
    let fitting = try SubspaceFitting(
      model, context, recipe, chosen: sides.chosen, rejected: sides.rejected, neutral: neutral)
    let most = min(counts.max() ?? 0, sides.chosen.count)
    try fitting.rowMemoryPlan(decomposing: most).requireRoom(for: model.path)
    return try ProgressBar.run("fitting", quiet: quiet) {
      try SubspaceConvergence(fitting, counts: counts, progress: $0)
    }.0
  }

  private func parsedCounts() throws -> [Int]? {
    try counts.map { text in
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
      guard numbers.allSatisfy({ $0 ?? 0 >= 1 }) else {
        throw ValidationError("--counts must be numbers of pairs between commas, e.g. 8,32,128.")
      }
      return numbers.compactMap(\.self)
    }
  }
}
