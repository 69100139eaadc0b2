internal import ArgumentParser
internal import Editing
internal import Storage
internal import Transformer

/// `profs verify`: proves an edit from its files.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Prove an edit from its files: what changed, and that nothing else did.",
    discussion: """
      Without --base the output is held against its own receipt. With --base every tensor is computed anew from the base \
      model and the subspace and compared bit for bit. Exit code 1 where a claim does not hold.
      """)

  @Argument(help: "Folder or .gguf file that profs edit or profs apply wrote.")
  var edited: String

  @Option(help: ArgumentHelp("The model it was made from.", valueName: "model")) var base: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let model = try base.map { try Model(path: $0) }
    let (proof, _) = try ProgressBar.run("verifying", quiet: output.quiet || output.json) {
      try Verification(of: edited, base: model, progress: $0)
    }
    if output.json {
      Console.json([
        "holds": .bool(proof.holds),
        "checks": .array(
          proof.checks.map {
            ["claim": .string($0.claim), "holds": .bool($0.holds), "finding": .string($0.finding)]
          }),
        "changed": .array(proof.receipt.edited.map(TensorReport.json)),
      ])
    } else {
      for check in proof.checks {
        Console.result("\(check.holds ? "✓" : "✗") \(check.claim): \(check.finding)")
      }
    }
    guard proof.holds else { throw ExitCode(1) }
  }
}
