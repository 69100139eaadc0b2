internal import ArgumentParser
internal import Editing
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// `profs edit`: the main job, from pairs to a proved checkpoint.
struct EditCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit",
    abstract: "Edit a model: fit a subspace, apply it, write the checkpoint, prove it.",
    discussion: """
      Each pair is two texts of which one is preferred. The MLP-value matrices of the chosen blocks take one step towards \
      the preferred texts, in few directions, where that costs other text least; with the recipes that project, the \
      directions in which the rejected texts' embeddings differ most from the chosen ones' are removed from what they \
      write. Nothing else changes, and nothing is trained.

        profs edit model/ --pairs pairs.jsonl --out edited/
        profs edit model.gguf --pairs p.tsv --out edited/ \\
          --columns chosen=neutral1,rejected=toxic

      The output has the files of the input, its receipt profs.json, and a model card. Torch's .bin files become \
      safetensors. A GGUF becomes a Hugging Face folder: in f16 or f32 where its MLP-value matrices are, else in bf16.
      With --format lora the output is an adapter in PEFT's format, and the base stays as it is.
      With --out NAME.gguf it is one GGUF file, as profs apply writes it.

      With --correct-on the edit becomes milder in what it writes: where the model would continue a prompt with an unwanted \
      text, a second step leads from what the edited model writes there to the most probable harmless text that leaves the \
      model's own at a single token.

      With --auto everything but the data is chosen by trying: half of the prompts choose the edit, as profs tune does, \
      and the other half judge what was written, as profs eval does.

        profs edit model/ --auto --pairs pairs.jsonl --out edited/ \\
          --prompts prompts.jsonl
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @OptionGroup var fit: FitOptions
  @OptionGroup var correction: CorrectionOptions
  @OptionGroup var destination: EditOutputOptions
  @Option(help: ArgumentHelp("Share of a projection that is removed, or size of a step.", valueName: "x"))
  var strength = 1.0
  @OptionGroup(title: "Choosing automatically") var automatic: AutomaticOptions
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if !strength.isFinite || strength == 0 {
      throw ValidationError("--strength must be a number other than 0.")
    }
    if automatic.auto,
      fit.choosesRecipe || strength != 1 || correction.correction != nil || correction.correctBy != nil
    {
      throw ValidationError(
        "--auto chooses --recipe, --protect, --rank-by, --rank, --layers, --strength and --correction itself, and takes no "
          + "--neutral and no --correct-by."
      )
    }
    try correction.validate(recipe: fit.recipe)
    if automatic.auto, ![.checkpoint, .gguf].contains(destination.chosenFormat(of: model)) {
      throw ValidationError(
        "--auto judges what it writes, and so writes a checkpoint or a GGUF file, not an adapter.")
    }
    if automatic.auto, destination.inPlace || destination.dryRun {
      throw ValidationError("--auto compares the edit with its base, and so takes --out and no --dry-run.")
    }
  }

  func run() throws {
    let ranks = Communicator.world
    if automatic.auto {
      try AutomaticEdit(self).run()
    } else if destination.dryRun {
      if ranks.isFirst { try printPlan() }
    } else {
      let finished = ranks.isFirst ? try interrupted() : nil
      if ranks.broadcast([finished != nil])[0] {
        guard let finished else { return }
        WrittenReport.printFinished(finished, destination.path(of: model), json: output.json)
      } else if let edit = try edit() {
        print(edit)
      }
    }
  }

  private func print(_ edit: Outcome) {
    guard !output.json else { return Console.json(.object(edit.report)) }
    TensorReport.print(edit.receipt)
    Console.result("peak memory \(formattedBytes(edit.peak)), mapped files left out")
    let out = destination.path(of: model)
    Console.result(
      "written to \(out); check again with: profs verify \(out.shellWord)"
        + (destination.inPlace ? "" : " --base \(model.shellWord)"))
  }

  /// The receipt of an edit in place that was interrupted and is finished now; `nil` where there was none.
  private func interrupted() throws -> Receipt? {
    try destination.check(model)
    return try destination.finishInterrupted(model)
  }

  /// Says what an edit would do.
  private func printPlan() throws {
    try destination.check(model)
    let meter = MemoryMeter()
    let job = try FitJob(model, fit, compute)
    let memory = try job.fitting.memoryPlan().withProgram(meter)
    let seconds = job.fitting.operations / job.context.measuredRate() * PlanReport.fitAllowance
    PlanReport(
      try plan(job), destination.path(of: model), base: model, fit: (memory: memory, seconds: seconds),
      uncounted: correction.correctOn.map {
        "the second step: texts of the prompts in \($0), and a fit to the pairs that they make"
      }
    ).print(json: output.json)
  }

  /// What the edit of `job` will write, whatever directions are found.
  private func plan(_ job: FitJob) throws -> EditPlan {
    var recipe = job.recipe
    if correction.correctOn != nil {
      recipe.rank = .fixed(min(2 * recipe.rank.largest, job.model.configuration.hidden))
    }
    return try EditApplication(
      job.model, try EditSubspace.standIn(recipe, for: job.model), strength: strength, seed: compute.seed,
      format: destination.chosenFormat(of: model), type: destination.ggufType, context: job.context
    ).plan(inPlace: destination.inPlace)
  }

  /// What an edit did.
  struct Outcome {
    /// What was written.
    let receipt: Receipt
    /// Peak memory in bytes, mapped files left out.
    let peak: Int
    /// The document of it.
    let report: [(key: String, value: JSON)]
  }

  /// Fits, applies, writes and proves; `nil` in a process that only helps to fit.
  ///
  /// - Parameter known: what the fit would find, where it was found before.
  func edit(with known: EditSubspace? = nil) throws -> Outcome? {
    let writes = Communicator.world.isFirst
    guard writes || known == nil else { return nil }
    let meter = MemoryMeter()
    let quiet = output.quiet || output.json
    let (out, format) = (destination.path(of: model), destination.chosenFormat(of: model))
    let inPlace = destination.inPlace
    try destination.check(model)
    let (job, reading) = try ProgressBar.run("reading pairs", quiet: quiet) { _ in
      try FitJob(model, fit, compute)
    }
    try format.check(job.model)
    if writes { try plan(job).requireRoom(for: out) }
    if known == nil { try job.fitting.memoryPlan().requireRoom(for: model) }
    if !quiet { job.announce() }
    let (subspace, fitting) =
      try known.map { ($0, 0) }
      ?? job.subspace(correction, quiet: quiet)
    guard writes else { return nil }
    if !quiet { job.announce(subspace) }
    let (receipt, writing) = try ProgressBar.run("writing the \(format.noun)", quiet: quiet) {
      let application = try EditApplication(
        job.model, subspace, strength: strength, seed: compute.seed, format: format,
        type: destination.ggufType,
        context: job.context
      )
      guard inPlace else { return try application.write(to: out, progress: $0) }
      let receipt = try application.writeInPlace(progress: $0)
      WrittenReport.noteUntouched(application, quiet: quiet)
      return receipt
    }
    NewOutput.release(out)
    let (proof, proving) = try ProgressBar.run("proving the edit", quiet: quiet) {
      // In place there is no base any more, and the proof is the output's own.
      try Verification(of: out, base: inPlace ? nil : job.model, context: job.context, progress: $0)
    }
    let peak = meter.stop()
    if let fault = proof.checks.first(where: { !$0.holds }) {
      throw ModelError(
        out,
        "the written edit could not be proved: \(fault.claim): \(fault.finding); see profs verify \(out.shellWord)"
          + (inPlace ? "" : " --base \(model.shellWord)")
      )
    }
    return Outcome(
      receipt: receipt, peak: peak,
      report: [
        ("out", .string(out)),
        ("changed", .array(receipt.edited.map(TensorReport.json))),
        ("unchanged", .int(receipt.unchangedCount)),
        ("pairs", .int(receipt.provenance.pairs)),
        ("tokens", .int(job.fitting.tokenCount)),
        ("compute", .string(receipt.provenance.compute)),
        ("gram", job.fitting.gram),
        ("weight_passes", .int(job.fitting.weightPasses)),
        ("verified", true),
        (
          "seconds",
          [
            "reading": .double(reading), "fitting": .double(fitting), "writing": .double(writing),
            "verifying": .double(proving),
          ]
        ),
        ("peak_memory_bytes", .int(peak)),
      ])
  }
}
