internal import ArgumentParser
internal import Foundation

/// `train-scorer`: makes and judges the weights of the built-in toxicity scorer; for developers of this package.
@main
struct TrainScorer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train-scorer",
    abstract: "Trains the built-in toxicity scorer, and measures this and other scorers.",
    subcommands: [TrainCommand.self, EvaluateCommand.self])
}

/// The folders that the data is read from.
struct DataOptions: ParsableArguments {
  @Option(help: "Folder with paradetox, rtp, t-davidson and the other data sets.")
  var data = "../shared/data"

  @Option(help: "Folder with the lists of terms and templates that belong to this project.")
  var lists = "Data/scorer"
}
