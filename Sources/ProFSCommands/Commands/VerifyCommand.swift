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
      model and the subspace and compared bit for bit; of what profs dpo wrote, every tensor that was not trained. Exit code \
      1 where a claim does not hold.
      """)

  @Argument(help: "Folder or .gguf file that profs edit or profs apply wrote, or folder of profs dpo.")
  var edited: String

  @Option(help: ArgumentHelp("The model it was made from.", valueName: "model")) var base: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    let model = try base.map { try Model(path: $0) }
    let isQuiet = output.quiet || output.json
    if try TrainingVerification.applies(to: edited) {
      let (proof, _) = try ProgressBar.run("verifying", quiet: isQuiet) {
        try TrainingVerification(of: edited, base: model, progress: $0)
      }
      return try tell(proof.checks, changed: proof.trained.map { ["name": .string($0)] })
    }
    let (proof, _) = try ProgressBar.run("verifying", quiet: isQuiet) {
      try Verification(of: edited, base: model, progress: $0)
    }
    try tell(proof.checks, changed: proof.receipt.edited.map(TensorReport.json))
  }

  /// Says what was found of each claim; exit code 1 where one does not hold.
  private func tell(_ checks: [Verification.Check], changed: [JSON]) throws {
    let holds = checks.allSatisfy(\.holds)
    if output.json {
      Console.json([
        "holds": .bool(holds),
        "checks": .array(
          checks.map {
            ["claim": .string($0.claim), "holds": .bool($0.holds), "finding": .string($0.finding)]
          }),
        "changed": .array(changed),
      ])
    } else {
      for check in checks {
        Console.result("\(check.holds ? "✓" : "✗") \(check.claim): \(check.finding)")
      }
    }
    guard holds else { throw ExitCode(1) }
  }
}
