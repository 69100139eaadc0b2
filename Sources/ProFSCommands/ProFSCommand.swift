public import ArgumentParser
internal import Checkpoints
internal import Editing
internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Reporting
internal import Storage
internal import Studies
internal import SubspaceEditing
internal import Tokenization
internal import Training
internal import Transformer

/// The `profs` command.
public struct ProFSCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "profs",
    abstract: "Edits unwanted behaviour out of an open-weights language model, without training.",
    discussion: """
      A few hundred preference pairs, one pass over the weights, and an edited checkpoint that other tools load, with \
      proof of what changed. The method is ProFS (ICLR 2025, arXiv 2405.13967).

        profs edit MODEL --pairs pairs.jsonl --out EDITED      edit a model
        profs verify EDITED --base MODEL                       prove what changed
        profs generate MODEL --against EDITED --prompts p.txt  see what it does
        profs eval MODEL EDITED --prompts p.txt --text t.txt   measure what it does

      MODEL is a folder in Hugging Face layout, a .gguf file, or the id of a model in the local Hub cache. Blocks are \
      counted from 1. Every command takes --json for one JSON document on standard output; progress and messages go to \
      standard error.

      Exit codes: 0 done, 1 the input is at fault or nothing was changed, 64 usage, 70 internal error.
      """,
    version: profsVersion,
    subcommands: [
      EditCommand.self, FitCommand.self, ApplyCommand.self, VerifyCommand.self, ExplainCommand.self,
      TuneCommand.self, StudyCommand.self,
      GenerateCommand.self, ChatCommand.self, EvalCommand.self, PerplexityCommand.self, TasksCommand.self,
      ReportCommand.self, GradientsCommand.self, DPOCommand.self, PairsCommand.self, EmbedCommand.self,
      TokenizeCommand.self, InspectCommand.self,
    ])

  /// Required by the parser, which fills in nothing: the command has no options of its own.
  public init() {}

  /// Parses the arguments, runs the command and ends the process with its exit code.
  public static func runAndExit() -> Never {
    Console.openMissingStreams()
    MatrixLibrarySettings.restartIfNeeded()
    Interruption.install()
    BusErrors.install()
    let ranks = Communicator.world
    requireRanks()
    var isSplit = false
    do {
      var command = try parseAsRoot()
      isSplit = command is any SplitCommand
      if isSplit || ranks.isFirst { try command.run() }
      try Console.requireWritten()
    } catch {
      Ending.waitIfBegun()
      OpenOutputs.discardAll()
      if isSplit { endAll(error) }
      // All have failed to parse, or the others wait for the first to end.
      ranks.finish()
      exitAlone(error)
    }
    OpenOutputs.discardAll()
    ranks.finish()
    exit()
  }

  /// Says what is wrong and ends this process; of several only the first says it.
  private static func exitAlone(_ error: any Error) -> Never {
    guard Communicator.world.isFirst else { Foundation.exit(exitCode(for: error).rawValue) }
    if let message = inputFault(error) {
      Console.error(message)
      exit(withError: ExitCode(1))
    }
    exit(withError: error)
  }

  /// Says what is wrong and ends all processes where there are several, which wait for this one or will.
  private static func endAll(_ error: any Error) {
    let ranks = Communicator.world
    guard ranks.size > 1 else { return }
    // What is wrong with the input is wrong for all, and the first is to say it; it ends the others while they wait here.
    if !ranks.isFirst { usleep(500_000) }
    let fault = inputFault(error)
    Console.error(fault ?? message(for: error))
    ranks.abort(fault == nil ? exitCode(for: error).rawValue : 1)
  }

  /// Ends the process where mpirun started several that do not know of each other: each would do the whole job.
  private static func requireRanks() {
    guard Communicator.world.size == 1, let text = getenv("OMPI_COMM_WORLD_SIZE"),
      let size = Int(String(cString: text)), size > 1
    else { return }
    if getenv("OMPI_COMM_WORLD_RANK").map({ String(cString: $0) }) == "0" {
      Console.error(
        "mpirun: \(size) processes were started, and this profs was built for one; build it with --traits MPI"
      )
    }
    Foundation.exit(1)
  }

  /// The sentence for an error that the input or the machine is at fault for; `nil` for usage and internal errors.
  private static func inputFault(_ error: any Error) -> String? {
    switch error {
    case let error as StorageError: error.description
    case let error as JSONError: error.description
    case let error as CheckpointError: error.description
    case let error as TokenizationError: error.description
    case let error as ModelError: error.description
    case let error as SubspaceError: error.description
    case let error as EditingError: error.description
    case let error as EvaluationError: error.description
    case let error as TrainingError: error.description
    case let error as StudyError: error.description
    case let error as PreferenceDataError: error.description
    case let error as RecordError: error.description
    default: nil
    }
  }
}
