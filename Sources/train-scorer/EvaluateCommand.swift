internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import Storage

/// `train-scorer evaluate`: measures scorers on texts that the built-in one was not trained on.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure scorers on the held-out sets.")

  @OptionGroup var data: DataOptions
  @Option(help: "builtin, hf:FOLDER[#LABEL] or exec:COMMAND; may be given several times.")
  var scorer: [String] = ["builtin"]
  @Option(help: "A file of weights to measure instead of the built-in ones.") var weights: String?
  @Option(help: "A set to measure on, by its name in the table; may be given several times. All without it.")
  var only: [String] = []
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let sources = DataSources(folder: data.data)
    let context = ComputeContext(threads: ProcessInfo.processInfo.activeProcessorCount, precision: .f32)
    let scorers: [any ToxicityScorer] =
      try weights.map { [try NGramScorer(path: $0)] }
      ?? scorer.map { try ScorerSpecification(parsing: $0).open(context) }
    let groups = try SyntheticTexts.groups(lists: data.lists, holdingOut: false)
    var documents: [JSON] = []
    for scorer in scorers {
      let figures = try ScorerFigures(
        scorer, sources, lists: data.lists, knownGroups: groups, only: Set(only))
      if let unknown = only.first(where: { name in !figures.sets.contains { $0.name == name } }) {
        throw ValidationError("There is no set \"\(unknown)\".")
      }
      documents.append(["scorer": scorer.identity.json, "figures": figures.json])
      if !json { print("\(scorer.name)\n\(figures.table)\n") }
    }
    if json { print(JSON.object([("scorers", .array(documents))]).serialized(pretty: true)) }
  }
}
