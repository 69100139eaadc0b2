internal import Checkpoints
internal import Foundation
package import Kernels
internal import Storage
package import Transformer

/// Writes a model edited by a subspace.
package struct EditApplication {
  /// The base.
  let model: Model
  /// What is removed.
  let subspace: EditSubspace
  private let strength: Double
  private let seed: UInt64
  private let format: OutputFormat
  private let type: ElementType?
  private let context: ComputeContext
  /// The files of the output.
  let layout: OutputLayout

  /// Plans the output.
  ///
  /// - Parameters:
  ///   - strength: share of the subspace that is removed; 1 for all of it.
  ///   - format: what is written.
  ///   - type: how a GGUF file stores the edited matrices, or all of them where the base is a folder; as the base does
  ///     where `nil`.
  ///   - context: the threads for what takes time; all that the machine has where `nil`.
  /// - Throws: ``EditingError`` where the subspace does not fit the model, or nothing would change.
  package init(
    _ model: Model, _ subspace: EditSubspace, strength: Double, seed: UInt64,
    format: OutputFormat = .checkpoint, type: ElementType? = nil, context: ComputeContext? = nil
  ) throws {
    guard strength.isFinite, strength != 0 else {
      throw EditingError(
        "--strength \(strength)", "nothing would change; give a number other than 0, usually 1")
    }
    try subspace.requireFits(model)
    self.model = model
    self.subspace = subspace
    self.strength = strength
    self.seed = seed
    self.format = format
    self.type = type
    self.context = context ?? .ofMachine
    layout = try OutputLayout(
      model, subspace, strength: strength, format: format, type: type, fileName: Receipt.ggufName,
      context: self.context)
  }

  /// Writes the folder `path`: complete, with receipt, subspace and model card, or not at all; where the output is a file,
  /// the file `path`, and these in the folder that ``OutputFormat/receiptFolder(of:)`` names.
  ///
  /// - Throws: where `path` exists, the disk is full, or nothing changed beyond rounding.
  package func write(to path: String, progress: ProgressHandler? = nil) throws -> Receipt {
    try write(to: path, replacing: false, progress)
  }

  /// Puts the edited model in the place of its base, which is lost: old or new, whenever the process dies.
  ///
  /// Of a folder the files that change are written to a ``FolderJournal`` first; torch's files become safetensors, and are
  /// removed with their index when those are in their places. A GGUF file is written beside itself and renamed, after what
  /// stands beside it, so that a run that died between the two leaves the old file with a receipt that it does not match,
  /// and can be repeated.
  /// - Throws: where the output has another form than the base, another run is at it, or as ``write(to:progress:)`` does.
  package func writeInPlace(progress: ProgressHandler? = nil) throws -> Receipt {
    switch (format, model.source) {
    case (.gguf, .gguf):
      let lock = try FileLock(model.path)
      return try withExtendedLifetime(lock) { try write(to: model.path, replacing: true, progress) }
    case (.checkpoint, .folder), (.checkpoint, .torch):
      let journal = try FolderJournal(model.path, gate: "config.json")
      do {
        let receipt = try write(into: journal, nil, progress)
        try journal.commit(removing: torchFiles)
        return receipt
      } catch {
        journal.discard()
        throw error
      }
    default:
      throw EditingError(
        model.path,
        "only a checkpoint can be edited in place, not made an adapter or another format; give --out")
    }
  }

  /// The base's files in torch's format, which safetensors take the places of.
  private var torchFiles: [String] {
    guard case .torch(let folder) = model.source else { return [] }
    return folder.shards + (folder.indexName.map { [$0] } ?? [])
  }

  /// Files of the base's folder that hold its weights in formats that are not edited in place, and so stay as they are.
  package var untouchedWeights: [String] {
    guard FileSystem.kind(of: model.path) == .folder else { return [] }
    let own = Set(layout.files.map(\.name) + layout.sideFiles.map(\.name) + torchFiles)
    return ((try? FileSystem.list(model.path)) ?? []).filter {
      !own.contains($0) && OutputLayout.holdsWeights($0)
        && FileSystem.kind(of: FileSystem.join(model.path, $0)) == .file
    }
  }

  private func write(to path: String, replacing: Bool, _ progress: ProgressHandler?) throws -> Receipt {
    // A companion without its file was left by a run that died between the two.
    let file = format.isFile ? try AtomicFile(path, replacing: replacing) : nil
    let folder = try OutputFolder(format.receiptFolder(of: path), replacing: format.isFile)
    do {
      let receipt = try write(into: folder, file?.writer, progress)
      try folder.commit()
      try file?.commit()
      return receipt
    } catch {
      folder.discard()
      file?.discard()
      throw error
    }
  }

  private func write(
    into folder: any OutputPlace, _ file: FileWriter?, _ progress: ProgressHandler?
  ) throws -> Receipt {
    var digest = Digest()
    let pool = DigestPool(threads: context.threads)
    defer { pool.close() }
    let sources = try layout.sourceFiles.map { path in
      let file = try MappedFile(path: path)
      return (name: FileSystem.lastComponent(of: path), digest: pool.add(file, 0..<file.byteCount))
    }
    let tensors = try layout.write(model, into: folder, file, hashing: &digest, pool, progress: progress)
    if format == .gguf, let file {
      try file.flush()
      if case .gguf = model.source {} else { try model.requireSame(asGGUF: file.path) }
    }
    guard tensors.contains(where: changed) else {
      throw EditingError(
        model.path,
        "nothing changed: the weights write into the subspace no more than rounding leaves, or the strength is lost in "
          + "rounding; was the model edited with this subspace before?")
    }
    let digests = try pool.wait()
    let subspaceWriter = try folder.createFile(Receipt.subspaceFileName)
    try subspace.write(to: subspaceWriter)
    var receipt = Receipt(
      version: profsVersion, output: format, baseName: FileSystem.lastComponent(of: model.path),
      baseFiles: sources.map { Receipt.File(name: $0.name, digest: digests[$0.digest]) },
      strength: strength, seed: seed,
      subspaceDigest: try Digest.ofFile(folder.currentPath(of: Receipt.subspaceFileName)),
      provenance: subspace.provenance, tensors: tensors, tensorType: type?.name,
      fileDigest: format.isFile ? digest.hex : nil)
    try folder.writeFile(Receipt.cardName, Array(ModelCard(receipt, model).text.utf8))
    receipt.files = try layout.writtenFiles(model, in: folder) + [.init(Receipt.cardName, in: folder)]
    try folder.writeFile(Receipt.fileName, Array(receipt.serialized().utf8))
    return receipt
  }
}

extension EditApplication {
  /// Whether the edit did something to `tensor`: its bytes changed, and not only where rounding had left something to
  /// remove.
  private func changed(_ tensor: Receipt.Tensor) -> Bool {
    guard let edit = tensor.edit, edit.digestBefore != tensor.digest,
      let rounding = layout.roundingResidual(of: tensor.name)
    else { return false }
    return edit.residualBefore > rounding
  }
}

extension ComputeContext {
  /// Every processor of the machine.
  static var ofMachine: ComputeContext {
    ComputeContext(threads: ProcessInfo.processInfo.activeProcessorCount, precision: .f32)
  }
}

/// The version of this software, as it stands in receipts.
package let profsVersion = "0.1.0"

extension Digest {
  /// SHA-256 of a whole file.
  static func ofFile(_ path: String) throws -> String {
    let file = try MappedFile(path: path)
    var digest = Digest()
    try digest.update(file, 0..<file.byteCount)
    return digest.hex
  }
}
