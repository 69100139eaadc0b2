internal import ArgumentParser
internal import Editing
internal import Storage
internal import Transformer

/// `profs apply`: the second half of an edit.
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Project a fitted subspace out of a model and write the edited checkpoint.",
    discussion: """
      With --format lora the edit is written as an adapter in PEFT's format instead: two small matrices for each edited \
      one, which merged into the base give the edited weights to rounding. The base stays as it is.

      With --out NAME.gguf the output is one GGUF file, or with --format lora an adapter for llama.cpp; receipt and model \
      card go to NAME.gguf.profs. Of a GGUF file only the edited matrices change: they are quantised again as they were, or \
      as --gguf-type says, and the error that adds is measured.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(help: ArgumentHelp("Subspace file that profs fit wrote.", valueName: "file")) var subspace: String
  @OptionGroup var destination: EditOutputOptions
  @Option(help: ArgumentHelp("Share of the subspace that is removed.", valueName: "x")) var strength = 1.0
  @Option(help: ArgumentHelp("Only these of the subspace's blocks.", valueName: "a-b")) var layers:
    LayerRange?
  @Option(help: ArgumentHelp("Only the first k directions of each block.", valueName: "k")) var rank: Int?
  @Option(help: ArgumentHelp("Seed to record in the receipt.", valueName: "n")) var seed: UInt64 = 0
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let rank, rank < 1 { throw ValidationError("--rank must be at least 1.") }
    if !strength.isFinite || strength == 0 {
      throw ValidationError("--strength must be a number other than 0.")
    }
  }

  func run() throws {
    let quiet = output.quiet || output.json
    let (out, format) = (destination.out, destination.chosenFormat)
    try destination.check()
    let opened = try Model(path: model)
    let chosen = try EditSubspace(path: subspace).restricted(to: layers?.blocks, rank: rank)
    let application = try EditApplication(
      opened, chosen, strength: strength, seed: seed, format: format, type: destination.ggufType)
    let (receipt, seconds) = try ProgressBar.run("writing the \(format.noun)", quiet: quiet) {
      try application.write(to: out, progress: $0)
    }
    if output.json {
      Console.json([
        "out": .string(out),
        "changed": .array(receipt.edited.map(TensorReport.json)),
        "unchanged": .int(receipt.unchangedCount),
        "seconds": .double(seconds),
      ])
    } else {
      TensorReport.print(receipt)
      Console.result("written to \(out); prove it with: profs verify \(out) --base \(model)")
    }
  }
}
