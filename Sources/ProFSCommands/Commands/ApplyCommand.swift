internal import ArgumentParser
internal import Editing
internal import Storage
internal import Transformer

/// `profs apply`: the second half of an edit.
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Apply a fitted subspace to a model and write the edited checkpoint.",
    discussion: """
      With --format lora the edit is written as an adapter in PEFT's format instead: two small matrices for each edited \
      one, which merged into the base give the edited weights to rounding. The base stays as it is.

      With --out NAME.gguf the output is one GGUF file, or with --format lora an adapter for llama.cpp; receipt and model \
      card go to NAME.gguf.profs. Of a GGUF file only the edited matrices change: they are quantised again as they were, or \
      as --gguf-type says, and the error that adds is measured.

      With --in-place the edited matrices' files are written beside the model's and moved into their places when all are \
      complete. A run that dies leaves the model as it was, or a journal from which the next one with --in-place finishes \
      the edit, and does nothing else. Torch's .bin files become safetensors, and are removed at the end. The base is \
      lost: keep a copy if you want it back.

      Several --subspace are put together block by block, so that nothing is written into any of them any more: all \
      oblique, or none; directions that another one holds already are dropped. Steps of recipe natural are added up.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Subspace file that profs fit wrote; given several times, they are removed together.",
      valueName: "file"))
  var subspace: [String]
  @OptionGroup var destination: EditOutputOptions
  @Option(help: ArgumentHelp("Share of a projection that is removed, or size of a step.", valueName: "x"))
  var strength = 1.0
  @Option(help: ArgumentHelp("Only these of the subspace's blocks.", valueName: "a-b")) var layers:
    LayerRange?
  @Option(help: ArgumentHelp("Only the first k directions of each block of each subspace.", valueName: "k"))
  var rank: Int?
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
    let (out, format) = (destination.path(of: model), destination.chosenFormat(of: model))
    try destination.check(model)
    if let receipt = try destination.finishInterrupted(model) {
      return WrittenReport.printFinished(receipt, out, json: output.json)
    }
    let opened = try Model(path: model)
    let chosen = try EditSubspace.combined(subspace, to: layers?.blocks, rank: rank)
    let application = try EditApplication(
      opened, chosen, strength: strength, seed: seed, format: format, type: destination.ggufType)
    let plan = try application.plan(inPlace: destination.inPlace)
    if destination.dryRun {
      return PlanReport(plan, out, base: model, fit: nil).print(json: output.json)
    }
    try plan.requireRoom(for: out)
    let (receipt, seconds) = try ProgressBar.run("writing the \(format.noun)", quiet: quiet) {
      try destination.inPlace
        ? application.writeInPlace(progress: $0) : application.write(to: out, progress: $0)
    }
    NewOutput.release(out)
    if destination.inPlace { WrittenReport.noteUntouched(application, quiet: quiet) }
    if output.json {
      Console.json([
        "out": .string(out),
        "changed": .array(receipt.edited.map(TensorReport.json)),
        "unchanged": .int(receipt.unchangedCount),
        "seconds": .double(seconds),
      ])
    } else {
      TensorReport.print(receipt)
      Console.result(
        "written to \(out); prove it with: profs verify \(out.shellWord)"
          + (destination.inPlace ? "" : " --base \(model.shellWord)"))
    }
  }
}
