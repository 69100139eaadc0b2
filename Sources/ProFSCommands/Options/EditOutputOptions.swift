internal import ArgumentParser
internal import Editing
internal import Kernels
internal import Storage
internal import Transformer

/// Where an edit is written to and as what.
struct EditOutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder to write, or a GGUF file where the name ends in .gguf; must not exist.", valueName: "path"))
  var out: String
  @Option(
    help: "What to write: a checkpoint unless --out names a GGUF file, in which an adapter can be too.")
  var format: OutputFormat?
  @Option(
    help: ArgumentHelp(
      "Type of the edited matrices in a GGUF file made of another, of all matrices where the model is a folder; the model's own unless given.",
      valueName: "type"))
  var ggufType: ElementType?

  /// The format that was asked for or that the output's name implies.
  var chosenFormat: OutputFormat {
    let isFile = out.hasSuffix(".gguf")
    return switch format {
    case nil: isFile ? .gguf : .checkpoint
    case .lora? where isFile: .loraGGUF
    case let format?: format
    }
  }

  func validate() throws {
    guard chosenFormat.isFile == out.hasSuffix(".gguf") else {
      throw ValidationError(
        chosenFormat.isFile
          ? "--format \(chosenFormat.rawValue) writes one file: give --out a name that ends in .gguf."
          : "--format \(chosenFormat.rawValue) writes a folder: give --out a name that does not end in .gguf."
      )
    }
    guard ggufType == nil || chosenFormat == .gguf else {
      throw ValidationError(
        "--gguf-type is for a model in a GGUF file: give --out a name that ends in .gguf.")
    }
  }

  /// Throws where something is in the way of the output: known before minutes of work are spent.
  func check() throws {
    try NewOutput.check(out)
    let folder = chosenFormat.receiptFolder(of: out)
    if folder != out, FileSystem.exists(folder), FileSystem.kind(of: folder) != .folder {
      throw ModelError(folder, "the receipt's folder must go here; remove what is there")
    }
  }
}

extension ElementType: ExpressibleByArgument {
  /// The type called `argument`, in either case, where weights can be written as it.
  public init?(argument: String) {
    guard let type = Self.allCases.first(where: { $0.isNarrowable && $0.name == argument.uppercased() })
    else { return nil }
    self = type
  }

  /// The names of those types.
  public static var allValueStrings: [String] {
    allCases.filter(\.isNarrowable).map { $0.name.lowercased() }
  }
}
