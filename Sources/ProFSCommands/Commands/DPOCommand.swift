internal import ArgumentParser
internal import Editing
internal import Kernels
internal import Storage
internal import Training
internal import Transformer

/// `profs dpo`: the baseline, training on the same pairs.
struct DPOCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dpo",
    abstract: "Train a model on preference pairs by DPO, the method that an edit is compared with.",
    discussion: """
      The reference is the model as it is given; what it says of the pairs is computed once, in the precision of the \
      training. Weights, gradients and the optimiser's memory are single precision with either --compute: 12 bytes a trained weight with RMSprop, \
      16 with AdamW, 4 more where there are validation pairs, and 4 for every other weight. Up to 512 MiB \
      more hold what a step's forward pass computes until the way back; what does not fit there is computed twice. The \
      defaults are the paper's, for GPT-2. The output has the base's files, types and names, and of a GGUF file is a \
      folder.

      With --lora-rank low-rank adapters are trained and the weights stay as they are: gradients and the optimiser's memory \
      are those of the adapters, and every weight takes 4 bytes. What is written is an adapter in PEFT's format, or with \
      --format checkpoint the model with the adapters added to its weights.

      With --state the run can be interrupted: given the same options again it goes on where the file was last written, \
      exactly as if it had not stopped.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.") var model: String
  @OptionGroup var responses: ResponseOptions
  @Option(help: ArgumentHelp("Folder to write; must not exist.", valueName: "folder")) var out: String
  @Option(help: "What to write: checkpoint, or lora, which is the default with --lora-rank.")
  var format: OutputFormat?
  @Option(
    help: ArgumentHelp(
      "Pairs for validation, of the same form; by default some of the pairs are held out.", valueName: "file")
  )
  var validation: String?
  @Option(
    help: ArgumentHelp(
      "The last n pairs are held out for validation; by default 64, or a fifth of the pairs if that is less.",
      valueName: "n"))
  var holdOut: Int?
  @OptionGroup var training: TrainingOptions
  @Option(help: ArgumentHelp("Where the run's state is kept.", valueName: "file")) var state: String?
  @Option(help: ArgumentHelp("Steps between writings of the state.", valueName: "n")) var saveEvery = 50
  @Option(help: ArgumentHelp("Steps between lines about the training.", valueName: "n")) var reportEvery = 10
  @Option(
    help:
      "Precision of matrix products. bf16 rounds what each is made of, weights too; sums and all else are single precision."
  )
  var compute: ComputePrecision = .f32
  @Option(help: ArgumentHelp("Threads; by default one for each processor.", valueName: "n")) var threads: Int?
  @Option(help: ArgumentHelp("Seed of the order of the pairs.", valueName: "n")) var seed: UInt64 = 0
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1.") }
    if let holdOut, holdOut < 0 { throw ValidationError("--hold-out must not be negative.") }
    if holdOut != nil, validation != nil {
      throw ValidationError("--hold-out and --validation exclude each other.")
    }
    guard format.map({ $0 == .checkpoint || $0 == .lora && training.loraRank != nil }) ?? true else {
      throw ValidationError("--format is checkpoint, or with --lora-rank lora.")
    }
    if saveEvery < 1 || reportEvery < 1 {
      throw ValidationError("--save-every and --report-every must be at least 1.")
    }
  }

  /// Whether adapters are written.
  var writesAdapter: Bool { (format ?? (training.loraRank == nil ? .checkpoint : .lora)) == .lora }

  func run() throws { try DPOJob(self).run() }
}
