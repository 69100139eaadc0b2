internal import ArgumentParser
internal import Evaluation
internal import Storage
internal import Studies

/// `profs study`: the paper's studies, and others like them.
struct StudyCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract:
      "Vary one or two settings, measure each point on several subsets of the pairs, and draw figures.",
    discussion: """
      SPEC is one of the program's own studies or a file like them: main-table, sample-size, label-flips, block-ranges, \
      rank, centring-and-protection, keys-and-values, safety, interpretation, cost, and theory, which needs no model. --print shows it, to be \
      changed and given as a file.

        profs study theory --out theory.json
        profs study sample-size --model MODEL --pairs pairs.jsonl \\
          --prompts prompts.txt --text text.txt --out study.json
        profs report study.json --out report.html

      safety has prompts by category: --prompts is the folder with their files, which --print shows, and --limit counts in \
      each.

      What was measured is kept in --out as the run goes on; the same command takes up a run that was stopped. Points that \
      the pairs or the model do not allow are left out and named. DPO trains in single precision in memory: 12 bytes a \
      weight, and 4 more with pairs kept for validation.
      """)

  @Argument(help: "Name of a study, or a .json file.") var spec: String
  @Option(help: ArgumentHelp("Folder in Hugging Face layout, or .gguf file.", valueName: "model"))
  var model: String?
  @Option(
    help: ArgumentHelp("Preference pairs, as profs edit and profs dpo take them.", valueName: "file"))
  var pairs: String?
  @Option(
    help: ArgumentHelp(
      "Which columns hold the pairs, e.g. chosen=neutral1,rejected=toxic.", valueName: "names"))
  var columns: String?
  @OptionGroup var chat: ChatOptions
  @Option(help: ArgumentHelp("Use the first n pairs only.", valueName: "n")) var pairLimit: Int?
  @Option(help: "level: both sides of the pairs in one way, where they are written differently.")
  var style: PairStyle = .asWritten
  @OptionGroup var continuations: ContinuationOptions
  @Option(help: ArgumentHelp("Take the first n prompts only.", valueName: "n")) var limit: Int?
  @Option(help: ArgumentHelp("Text for perplexity: one text, or a .jsonl of texts.", valueName: "file"))
  var text: String?
  @Option(help: ArgumentHelp("Use the first n tokens of the text only.", valueName: "n")) var textLimit: Int?
  @OptionGroup var windows: WindowOptions
  @Option(
    help: ArgumentHelp("Subsets of the pairs, or draws, that each point is repeated on.", valueName: "n"))
  var subsets: Int?
  @Option(
    help: ArgumentHelp(
      "Change a setting that the study does not vary, e.g. steps=200. May be given several times.",
      valueName: "name=value"))
  var set: [String] = []
  @Flag(help: "Print the study's specification and end.") var print = false
  @Option(help: ArgumentHelp("File for the record, in JSON.", valueName: "file")) var out: String?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, value, least) in [
      ("--subsets", subsets, 1), ("--limit", limit, 1), ("--pair-limit", pairLimit, 1),
      ("--text-limit", textLimit, 2),
    ] where value ?? least < least {
      throw ValidationError("\(name) must be at least \(least).")
    }
    try PairOptions.validate(columns: columns)
    if let wrong = set.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--set \(wrong): expected name=value, such as steps=200.")
    }
  }

  func run() throws {
    if print {
      Console.json(try StudyJob.field(spec).value)
      return
    }
    let job = try StudyJob(self)
    if job.log.count > 0, !job.quiet {
      Console.message("going on with \(out ?? ""), \(job.log.count) parts done")
    }
    let figures = try job.run()
    if output.json {
      Console.json(job.log.document(summary: figures.json))
    } else {
      for line in StudyTable(figures).lines { Console.result(line) }
    }
  }
}
