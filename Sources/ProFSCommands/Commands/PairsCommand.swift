internal import ArgumentParser

/// `profs pairs`: what an edit is made from.
struct PairsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pairs", abstract: "Make preference pairs.", subcommands: [MineCommand.self])
}
