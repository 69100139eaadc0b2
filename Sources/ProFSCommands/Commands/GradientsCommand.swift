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

      Gradients are computed in single precision, whatever the model is stored in.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.") var model: String
  @OptionGroup var responses: ResponseOptions
  @Option(help: ArgumentHelp("Subspace file that profs fit wrote.", valueName: "file")) var subspace: String?
  @Option(
    help: ArgumentHelp(
      "Numbers of pairs to report at, from the first pair on, e.g. 8,32,128; by default all.",
      valueName: "n,…"))
  var counts: String?
  @Option(help: ArgumentHelp("Take no more than this many of the subspace's directions.", valueName: "k"))
  var rank: Int?
  @Option(help: ArgumentHelp("DPO's beta, a factor on every gradient.", valueName: "b")) var beta = 0.1
  @Option(help: ArgumentHelp("Threads; by default one for each processor.", valueName: "n")) var threads: Int?
  @Option(help: ArgumentHelp("Seed of the random subspaces.", valueName: "n")) var seed: UInt64 = 0
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1.") }
    if !beta.isFinite || beta <= 0 { throw ValidationError("--beta must be above 0.") }
    _ = try parsedCounts()
  }

  func run() throws {
    let opened = try Model(path: model)
    let chosen = try subspace.map { try EditSubspace(path: $0).restricted(to: nil, rank: rank) }
    try chosen?.requireFits(opened)
    let context = ComputeOptions.f32(threads: threads, seed: seed)
    let quiet = output.quiet || output.json
    let (pairs, _) = try ProgressBar.run("reading pairs", quiet: quiet) { _ in
      try responses.scoredPairs(opened)
    }
    guard !pairs.isEmpty else {
      throw TrainingError(responses.source.pairs, "there are no pairs in the file")
    }
    let subspaces = Dictionary(
      uniqueKeysWithValues: chosen?.blocks.map { ($0.block, $0.subspace) } ?? [])
    let analysis = GradientAnalysis(
      opened, context, pairs: pairs, subspaces: subspaces, beta: beta)
    let (reports, seconds) = try ProgressBar.run("differentiating", quiet: quiet) {
      try analysis.run(counts: try parsedCounts() ?? [pairs.count], progress: $0)
    }
    if output.json {
      Console.json([
        "counts": .array(reports.map(GradientTable.json)), "beta": .double(beta), "seconds": .double(seconds),
      ])
    } else {
      GradientTable.print(reports)
    }
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
