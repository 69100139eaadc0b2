internal import ArgumentParser
internal import Editing
internal import Foundation
internal import Kernels
internal import Storage
internal import Transformer

/// Where an edit is written to and as what.
struct EditOutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder to write, or a GGUF file where the name ends in .gguf; must not exist.", valueName: "path"))
  var out: String?
  @Flag(help: "Put the edited model in the place of MODEL, which is lost, in place of --out.")
  var inPlace = false
  @Option(
    help: "What to write: a checkpoint unless --out names a GGUF file, in which an adapter can be too.")
  var format: OutputFormat?
  @Option(
    help: ArgumentHelp(
      "Type of the edited matrices in a GGUF file made of another, of all matrices where the model is a folder; the model's own unless given.",
      valueName: "type"))
  var ggufType: ElementType?
  @Flag(help: "Say what would be read and written, with memory, disk and time, and write nothing.")
  var dryRun = false

  /// The path that is written where the model is `model`.
  func path(of model: String) -> String { out ?? model }

  /// The format that was asked for or that the output's name implies.
  func chosenFormat(of model: String) -> OutputFormat {
    let isFile = path(of: model).hasSuffix(".gguf")
    return switch format {
    case nil: isFile ? .gguf : .checkpoint
    case .lora? where isFile: .loraGGUF
    case let format?: format
    }
  }

  func validate() throws {
    guard (out != nil) != inPlace else {
      throw ValidationError("Give either --out, a new path, or --in-place.")
    }
    guard let out else {
      if format == nil { return }
      throw ValidationError("--in-place keeps the form that the model has: leave --format out.")
    }
    let format = chosenFormat(of: out)
    do { try format.check(path: out) } catch { throw ValidationError("--out \(error)") }
    guard ggufType == nil || format == .gguf else {
      throw ValidationError(
        "--gguf-type is for a model in a GGUF file: give --out a name that ends in .gguf.")
    }
  }

  /// Throws where something is in the way of the output of editing `model`: known before minutes of work are spent.
  ///
  /// Unless nothing will be written, other runs are kept from the output from then on. Of several processes only the first,
  /// which is to write, looks.
  func check(_ model: String) throws {
    guard Communicator.world.isFirst else { return }
    guard let out else { return try checkInPlace(model) }
    try dryRun ? NewOutput.check(out) : NewOutput.claim(out)
    try NewOutput.check(out, isOutside: model)
    let folder = chosenFormat(of: model).receiptFolder(of: out)
    if folder != out, FileSystem.exists(folder), FileSystem.kind(of: folder) != .folder {
      throw ModelError(folder, "the receipt's folder must go here; remove what is there")
    }
  }

  private func checkInPlace(_ model: String) throws {
    guard FileSystem.exists(model) else {
      throw ModelError(
        model,
        "--in-place needs a folder or file named by its path; of a model in the Hub's cache write a copy")
    }
    let isFile = model.hasSuffix(".gguf")
    guard FileSystem.kind(of: model) == (isFile ? .file : .folder) else {
      throw ModelError(model, "--in-place needs a folder in Hugging Face layout or a .gguf file")
    }
    guard ggufType == nil || isFile else {
      throw ModelError(model, "--gguf-type is for a model in a GGUF file, and this is a folder")
    }
    if dryRun { return }
    do { try NewOutput.hold(model) } catch let error as StorageError
      where [EACCES, EPERM, EROFS].contains(error.errorNumber)
    {
      // A folder beside which nothing may be written is locked as long as it is changed, and no longer.
    }
  }

  /// Finishes an edit in place of `model` that was interrupted, and answers its receipt: there is nothing else to do then.
  func finishInterrupted(_ model: String) throws -> Receipt? {
    guard inPlace, !dryRun, FileSystem.kind(of: model) == .folder,
      try FolderJournal.recover(model) == .finished
    else { return nil }
    return try Receipt(folder: model)
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
