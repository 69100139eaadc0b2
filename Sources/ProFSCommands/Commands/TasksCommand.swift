internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs tasks`: zero-shot tasks.
struct TasksCommand: SplitCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks",
    abstract: "Accuracy of a model on zero-shot tasks.",
    discussion: """
      The tasks are boolq, rte, hellaswag, winogrande, arc_easy, arc_challenge, openbookqa, piqa and lambada_openai, \
      with the prompts of lm-evaluation-harness. Their files are recognised by name and content: llm-foundry's JSON \
      lines, the data sets' own files, and llama.cpp's text of HellaSwag. With --json every question's \
      log-probabilities are printed too.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(help: ArgumentHelp("Folder with the tasks' files, or one file.", valueName: "folder")) var data:
    String
  @Option(
    name: .customLong("task"),
    help: ArgumentHelp(
      "Tasks to run, separated by commas; by default all that are there.", valueName: "names"))
  var names: String?
  @Option(help: ArgumentHelp("Take the first n questions of each task only.", valueName: "n")) var limit: Int?
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    _ = try chosenTasks()
  }

  func run() throws {
    let quiet = output.quiet || output.json
    let sets = try TaskFolder(path: data).questions(of: chosenTasks(), limit: limit)
    let opened = try Model(path: model)
    let tokenizer = try opened.tokenizer()
    let context = compute.context(defaultPrecision: .f32, ranks: .world)
    var reports: [JSON] = []
    var total = 0.0
    for set in sets {
      let (result, seconds) = try ProgressBar.run(set.task.rawValue, quiet: quiet) {
        try TaskResult(set, opened, tokenizer: tokenizer, context, progress: $0)
      }
      total += seconds
      if output.json { reports.append(result.json) } else { Console.result(Self.line(result)) }
    }
    if output.json { Console.json(["tasks": .array(reports), "seconds": .double(total)]) }
  }

  /// The tasks that the user named; nil for all.
  private func chosenTasks() throws -> [ZeroShotTask]? {
    try names?.split(separator: ",").map { name in
      guard let task = ZeroShotTask(rawValue: String(name)) else {
        let all = ZeroShotTask.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("--task: there is no task \"\(name)\"; the tasks are \(all).")
      }
      return task
    }
  }

  private static func line(_ result: TaskResult) -> String {
    let figures = result.task.metrics.map { "\($0.rawValue) \(String(format: "%.4f", result.value(of: $0)))" }
    let name = result.task.rawValue
    return name + String(repeating: " ", count: max(1, 16 - name.count)) + figures.joined(separator: "  ")
      + "  (\(result.items.count) question\(result.items.count == 1 ? "" : "s"))"
  }
}
