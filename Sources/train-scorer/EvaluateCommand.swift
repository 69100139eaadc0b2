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
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let sources = DataSources(folder: data.data)
    let context = ComputeContext(threads: ProcessInfo.processInfo.activeProcessorCount, precision: .f32)
    let scorers: [any ToxicityScorer] =
      try weights.map { [try NGramScorer(path: $0)] }
      ?? scorer.map { try ScorerSpecification(parsing: $0).open(context) }
    let groups = try SyntheticTexts.groups(lists: data.lists, holdingOut: false)
    for scorer in scorers {
      let figures = try ScorerFigures(scorer, sources, lists: data.lists, knownGroups: groups)
      print(json ? figures.json.serialized(pretty: true) : "\(scorer.name)\n\(figures.table)")
    }
  }
}
