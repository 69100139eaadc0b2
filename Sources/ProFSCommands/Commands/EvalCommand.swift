internal import ArgumentParser
internal import Evaluation
internal import Storage

/// `profs eval`: how much less toxic, at what cost, and how sure that is.
struct EvalCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a model, or edits of it against their base.",
    discussion: """
      Perplexity and KL divergence on a text, toxicity of continuations with guards beside it, and zero-shot tasks: \
      whichever of --text, --prompts and --tasks are given. Every figure has a 95 % confidence interval. Base and edited \
      read the same windows, prompts and questions, and the change has the interval of paired differences: where it holds \
      zero, the verdict says "indistinguishable". Edits run beside their base in one pass over one set of weights.

        profs eval BASE EDITED --prompts prompts.jsonl --text wiki.txt \\
          --tasks tasks/ --limit 500 --out eval.json

      Continuations are 10 tokens, greedy, and scored without their prompt, as in the paper, unless told otherwise. With \
      --out the records are saved as the run goes on, and the same command takes up a run that was stopped.
      """)

  @Argument(help: "The base: folder in Hugging Face layout, or .gguf file.")
  var base: String
  @Argument(help: "Edited models, adapters of the base in PEFT's format, or subspace files of profs fit.")
  var edited: [String] = []

  @Option(
    help: ArgumentHelp(
      "Text for perplexity and KL: one text, or a .jsonl of texts, each read by itself; or builtin, 1,600 words.",
      valueName: "file"))
  var text: String?
  @Option(help: ArgumentHelp("Use the first n tokens of the text only.", valueName: "n")) var textLimit: Int?
  @OptionGroup var windows: WindowOptions
  @OptionGroup var continuations: ContinuationOptions
  @Option(help: ArgumentHelp("Folder with zero-shot tasks, as profs tasks takes it.", valueName: "folder"))
  var tasks: String?
  @Option(help: ArgumentHelp("Take the first n prompts, and questions of each task, only.", valueName: "n"))
  var limit: Int?
  @Option(help: ArgumentHelp("File for the records, in JSON.", valueName: "file")) var out: String?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if text == nil && continuations.prompts == nil && tasks == nil {
      throw ValidationError("Give at least one of --text, --prompts and --tasks.")
    }
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    if let textLimit, textLimit < 2 { throw ValidationError("--text-limit must be at least 2.") }
  }

  func run() throws {
    let job = try EvalJob(self)
    if job.log.count > 0, !job.quiet {
      let parts = "\(job.log.count) part\(job.log.count == 1 ? "" : "s")"
      Console.message("going on with \(out ?? ""), which holds \(parts)")
    }
    let (summary, record) = try job.finish()
    if output.json {
      Console.json(job.log.document(summary: record))
    } else {
      for line in EvaluationTable(summary, names: job.names).lines { Console.result(line) }
    }
  }
}
