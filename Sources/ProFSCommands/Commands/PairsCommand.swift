internal import ArgumentParser

/// `profs pairs`: what has to do with preference pairs alone.
struct PairsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pairs", abstract: "Check preference pairs, or make them.",
    subcommands: [PairsCheckCommand.self, MineCommand.self])
}
