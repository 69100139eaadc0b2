import Foundation
import Testing

/// The help texts, which are the commands' manual.
///
/// `PROFS_UPDATE_HELP=1 swift test -c release --filter HelpTests` writes them anew; look at the difference.
@Suite struct HelpTests {
  static let commands = [
    "", "edit", "fit", "apply", "verify", "explain", "tune", "study", "generate", "chat", "eval",
    "perplexity",
    "tasks", "report", "gradients", "dpo", "pairs",
    "embed", "tokenize", "inspect",
  ]

  /// Commands of commands.
  static let nested = ["pairs check", "pairs mine"]

  @Test("Help is the text in Fixtures/help", arguments: commands + nested)
  func help(_ command: String) throws {
    let folder = try TemporaryFolder()
    let run = try Transcript(command.split(separator: " ").map(String.init) + ["--help"], in: folder)
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    let file = URL(filePath: Fixture.help).appending(
      path: (command.isEmpty ? "profs" : command.replacing(" ", with: "-")) + ".txt")
    if ProcessInfo.processInfo.environment["PROFS_UPDATE_HELP"] != nil {
      try FileManager.default.createDirectory(atPath: Fixture.help, withIntermediateDirectories: true)
      try Data(run.output.utf8).write(to: file)
    }
    #expect(run.output == String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }

  @Test("Every subcommand that the command lists has its help tested")
  func complete() throws {
    let run = try Transcript(["--help"], in: TemporaryFolder())
    let list = run.output.components(separatedBy: "SUBCOMMANDS:").last ?? ""
    let listed = list.split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(Set(listed).subtracting(["See"]) == Set(Self.commands.dropFirst()))
  }

  @Test("The version is said")
  func version() throws {
    let run = try Transcript(["--version"], in: TemporaryFolder())
    #expect(run.status == 0)
    #expect(run.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
  }
}
