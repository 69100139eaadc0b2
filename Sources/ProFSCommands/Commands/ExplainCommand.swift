internal import ArgumentParser
internal import Editing
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Transformer

/// `profs explain`: what a subspace's directions stand for.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what a subspace's directions stand for: tokens, spectrum, overlap.",
    discussion: """
      Each direction v is read through the model's output: W (g v), with W the output matrix and g the final norm's \
      weight (of a layer norm after v's mean is subtracted); biases and bounds of the logits play no part. The tokens it \
      raises (+) are those of rejected texts, the ones it lowers (-) those of chosen texts. A direction's share is that \
      of its squared singular value in all of the block's. Overlap is the mean squared cosine of the principal angles \
      between two blocks' directions: 1 where they are the same, 0 where they are at right angles.

      Of an oblique subspace, and of a step, what is taken away is read, each row at length 1. With --texts each direction also names the \
      texts whose embeddings, taken as those of the pairs were, have the largest (+) and smallest (-) coordinate along \
      the direction that is read.

      Spaces in tokens are shown as ▁. Offensive words are masked, but for --unmasked and --json.
      """)

  @Argument(help: "Subspace file that profs fit wrote, or profs/subspace.safetensors of an edit.")
  var subspace: String

  @Option(help: ArgumentHelp("The model it was fitted on.", valueName: "model")) var model: String
  @Option(help: ArgumentHelp("Tokens at each end of a direction.", valueName: "n")) var top = 10
  @Option(help: ArgumentHelp("Another subspace file, to compare block by block.", valueName: "file"))
  var compare: String?
  @Option(help: ArgumentHelp("Only these of the subspace's blocks.", valueName: "a-b")) var layers:
    LayerRange?
  @Option(help: ArgumentHelp("Texts to place along the directions.", valueName: "file")) var texts: String?
  @Option(help: ArgumentHelp("Texts at each end of a direction.", valueName: "n")) var topTexts = 3
  @Flag(help: "Print offensive words as they are.") var unmasked = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if top < 1 || top > 1000 { throw ValidationError("--top must be from 1 to 1000.") }
    if topTexts < 1 || topTexts > 1000 { throw ValidationError("--top-texts must be from 1 to 1000.") }
  }

  func run() throws {
    let chosen = try EditSubspace(path: subspace).restricted(to: layers?.blocks, rank: nil)
    let other = try compare.map { try EditSubspace(path: $0) }
    let opened = try Model(path: model)
    if let other, other.provenance.modelDigest != chosen.provenance.modelDigest, !output.quiet, !output.json {
      Console.message("note: the two subspaces were fitted on different models")
    }
    let context = ComputeContext(threads: ProcessInfo.processInfo.activeProcessorCount, precision: .f32)
    let placed = try texts.map { path in
      let passages = try TextList.passages(path: path)
      let tokenizer = try PassageTokenizer(opened)
      return SubspaceExplanation.Texts(
        try passages.map { try tokenizer.text($0) },
        ids: try passages.map {
          try tokenizer.encode($0, limit: opened.configuration.maximumPositions)
        }, count: topTexts)
    }
    let (explanation, _) = try ProgressBar.run(
      "reading directions", quiet: output.quiet || output.json
    ) {
      try SubspaceExplanation(
        chosen, opened, context, tokens: top, comparedWith: other, texts: placed, progress: $0)
    }
    if output.json {
      Console.json(["blocks": .array(explanation.blocks.map { ExplanationReport.json($0, other != nil) })])
    } else {
      let report = ExplanationReport(isMasked: !unmasked, isCompared: other != nil)
      for block in explanation.blocks { report.print(block) }
    }
  }
}
