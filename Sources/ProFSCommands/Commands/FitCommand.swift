internal import ArgumentParser
internal import Editing
internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// `profs fit`: the first half of an edit.
struct FitCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Find the subspace of a model from preference pairs, without editing anything.")

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @OptionGroup var fit: FitOptions
  @OptionGroup var correction: CorrectionOptions
  @Option(help: ArgumentHelp("Subspace file to write; must not exist.", valueName: "file")) var out: String
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws { try correction.validate(recipe: fit.recipe) }

  func run() throws {
    let meter = MemoryMeter()
    let quiet = output.quiet || output.json
    try NewOutput.claim(out)
    let (job, _) = try ProgressBar.run("reading pairs", quiet: quiet) { _ in try FitJob(model, fit, compute) }
    try job.fitting.memoryPlan().requireRoom(for: model)
    if !quiet { job.announce() }
    let (subspace, seconds) = try job.subspace(correction, quiet: quiet)
    if !quiet { job.announce(subspace) }
    guard Communicator.world.isFirst else { return }
    try subspace.write(to: out)
    let peak = meter.stop()
    if output.json {
      Console.json([
        "out": .string(out),
        "pairs": .int(job.pairs),
        "tokens": .int(job.fitting.tokenCount),
        "blocks": .array(
          subspace.blocks.map {
            [
              "block": .int($0.block), "rank": .int($0.subspace.rank),
              "singular_values": .array($0.subspace.singularValues.prefix(32).map { .double($0) }),
            ]
          }),
        "gram": job.fitting.gram, "weight_passes": .int(job.fitting.weightPasses),
        "seconds": .double(seconds),
        "peak_memory_bytes": .int(peak),
      ])
    } else {
      Console.result(
        "written to \(out); apply it with: profs apply \(model.shellWord) --subspace \(out.shellWord) --out EDITED"
      )
    }
  }
}
