internal import Kernels
internal import Checkpoints
internal import Storage
internal import SubspaceEditing
package import Transformer

/// What writing an edit will read and write, and how long it will take: before anything is written.
package struct EditPlan: Sendable {
  /// A file and its size.
  package struct File: Sendable, Equatable {
    /// Its path; of what is written, in the output.
    package let name: String
    /// Its size in bytes.
    package let bytes: Int
    /// Whether the size is an estimate: of texts that tell what happened.
    package var isEstimate = false
    /// The file that it is a whole copy of, where it is one.
    package var source: String? = nil
  }

  /// The base's files that are read.
  package let reads: [File]
  /// The files that are written.
  package let writes: [File]
  /// Bytes that are held while writing, by purpose.
  package let memory: [MemoryPlan.Item]
  /// Bytes that are hashed.
  let hashedBytes: Int
  /// Multiplications and additions with the directions, over all edited matrices.
  let projections: Double

  /// Bytes that are read.
  package var readBytes: Int { reads.reduce(0) { $0 + $1.bytes } }
  /// Bytes of the files that are written.
  package var writtenBytes: Int { writes.reduce(0) { $0 + $1.bytes } }

  /// Bytes of copies that share their blocks with the base's files where the output at `path` goes to, and take no room:
  /// on file systems such as btrfs and XFS.
  ///
  /// - Parameter sharesCopies: whether copies of a file in a folder do so; the file system is asked unless given.
  package func sharedBytes(
    for path: String,
    sharesCopies: (_ source: String, _ folder: String) -> Bool = { FileSystem.sharesCopies(of: $0, in: $1) }
  ) -> Int {
    let folder = Self.folder(of: path)
    return writes.reduce(0) { sum, file in
      sum + (file.source.map { sharesCopies($0, folder) } == true ? file.bytes : 0)
    }
  }

  /// Throws where the disk that the output goes to has less room than it needs.
  ///
  /// - Parameter path: the output.
  package func requireRoom(for path: String) throws {
    guard let free = Self.freeBytes(for: path), free < writtenBytes else { return }
    let needed = writtenBytes - sharedBytes(for: path)
    guard free < needed else { return }
    throw EditingError(
      path,
      "writing needs \(needed) bytes, and the disk has \(free) left; free some space or write to another disk"
    )
  }

  /// Bytes that are free where the output at `path` goes to; `nil` where the system does not say.
  package static func freeBytes(for path: String) -> Int? { FileSystem.freeBytes(in: folder(of: path)) }

  /// The folder whose disk the output at `path` is on.
  private static func folder(of path: String) -> String {
    FileSystem.kind(of: path) == .folder ? path : FileSystem.parent(of: path)
  }

  /// Seconds that writing takes this machine, from rates measured now in about a tenth of a second; of a disk that keeps up.
  package func measuredSeconds() -> Double {
    Double(hashedBytes) / Self.hashRate() + projections / Self.projectionRate()
  }

  /// Bytes a second of SHA-256.
  private static func hashRate() -> Double {
    let bytes = [UInt8](repeating: 7, count: 1 << 22)
    return rate(of: Double(bytes.count)) {
      var digest = Digest()
      bytes.withUnsafeBytes { digest.update($0) }
      return digest.hex.utf8.count
    }
  }

  /// Multiplications and additions a second of a projection: of a matrix that is widened, observed and edited.
  private static func projectionRate() -> Double {
    let (outputs, inputs, rank) = (256, 1024, 4)
    let directions = (0..<rank * outputs).map { Float($0 % (outputs + 1) == 0 ? 1 : 0) }
    guard
      let subspace = try? BlockSubspace(
        directions: Embeddings(count: rank, hidden: outputs, values: directions),
        singularValues: (0..<rank).map { Double(rank - $0) })
    else { return 1e9 }
    let shape = WeightShape(layout: .outputsByInputs, outputs: outputs, inputs: inputs)
    let weight = (0..<outputs * inputs).map { Float($0 % 31) - 15 }
    return rate(of: Double(outputs * inputs * (rank + EditApplication.workBesideRank))) {
      var values = weight
      guard var projection = try? WeightProjection(removing: subspace, from: shape),
        (try? projection.observe(values.span, rows: 0..<outputs)) != nil
      else { return 0 }
      var span = values.mutableSpan
      try? projection.edit(&span, rows: 0..<outputs)
      return values.count
    }
  }

  /// Work a second, `work` being that of one call.
  private static func rate(of work: Double, _ call: () -> Int) -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    var calls = 0
    while calls == 0 || start.duration(to: clock.now) < .milliseconds(50) { _ = call(); calls += 1 }
    let parts = start.duration(to: clock.now).components
    return work * Double(calls) / max(1e-9, Double(parts.seconds) + Double(parts.attoseconds) * 1e-18)
  }
}

extension EditApplication {
  /// What an element of an edited matrix costs beside the products with the directions, in products: reading, rounding and
  /// squaring it.
  static let workBesideRank = 8

  /// What ``write(to:progress:)`` will do, or ``writeInPlace(progress:)``.
  package func plan(inPlace: Bool) throws -> EditPlan {
    let sources = layout.sourceFiles.map { EditPlan.File(name: $0, bytes: FileSystem.size(of: $0) ?? 0) }
    var reads = sources
    var writes: [EditPlan.File] = []
    for file in layout.files {
      if inPlace, file.verbatimSource != nil { continue }
      writes.append(
        EditPlan.File(
          name: file.gguf == nil ? file.name : "", bytes: file.expectedBytes, source: file.verbatimSource))
    }
    for side in layout.sideFiles {
      switch side {
      case .text(let name, let text): writes.append(EditPlan.File(name: name, bytes: text.utf8.count))
      case .copy(let name, let source):
        if inPlace, source == FileSystem.join(model.path, name) { continue }
        let bytes = FileSystem.size(of: source) ?? 0
        reads.append(EditPlan.File(name: source, bytes: bytes))
        writes.append(EditPlan.File(name: name, bytes: bytes, source: source))
      }
    }
    let tensors = layout.files.flatMap(\.tensors)
    let values = subspace.blocks.reduce(0) {
      $0 + $1.subspace.rank * subspace.hidden * ($1.subspace.writes == nil ? 4 : 8)
        + 8 * $1.subspace.singularValues.count + 300
    }
    let receipt = 1500 + 260 * tensors.count + 260 * subspace.blocks.count + 200 * layout.sideFiles.count
    for (name, bytes) in [
      (Receipt.subspaceFileName, values + 1000), (Receipt.cardName, 2500), (Receipt.fileName, receipt),
    ] { writes.append(EditPlan.File(name: name, bytes: bytes, isEstimate: true)) }

    let edited = try subspace.blocks.map { block in
      (
        elements: try model.weight(.mlpValue, block: block.block).shape.reduce(1, *),
        rank: block.subspace.rank
      )
    }
    let inputs = edited.map { $0.elements / max(1, subspace.hidden) * $0.rank }.max() ?? 0
    let output = tensors.reduce(0) { $0 + $1.byteCount }
    return EditPlan(
      reads: reads, writes: writes,
      memory: [
        // Values, the exact ones of a part in double precision, the bytes, and what was written.
        MemoryPlan.Item("pieces of a matrix", CheckpointTensor.pieceElements * 14 + (1 << 20)),
        MemoryPlan.Item("coefficients of a matrix", 4 * 8 * inputs),
      ],
      hashedBytes: sources.reduce(0) { $0 + $1.bytes } + output,
      // Observed, edited, and what was written observed again.
      projections: edited.reduce(0) { $0 + Double($1.elements * ($1.rank + Self.workBesideRank)) } * 1.3)
  }
}

extension OutputLayout.File {
  /// Its size in bytes; of a header that is yet to be made, about that.
  fileprivate var expectedBytes: Int {
    if let gguf { return gguf.byteCount }
    let data = tensors.reduce(0) { $0 + $1.byteCount }
    if let header { return header.dataStart + data }
    return data + 64 + 130 * tensors.count
  }
}

extension EditSubspace {
  /// Directions of no meaning, as many as `recipe` asks for at most: what a plan is made with before there are others.
  package static func standIn(_ recipe: EditRecipe, for model: Model) throws -> EditSubspace {
    let hidden = model.configuration.hidden
    let rank = min(recipe.rank.largest, hidden)
    let axes = try Embeddings(
      count: rank, hidden: hidden,
      values: (0..<rank * hidden).map { $0 % (hidden + 1) == 0 ? 1 : 0 })
    let block = try BlockSubspace(
      directions: axes, writes: recipe.method.looksAtOutputs ? axes : nil,
      singularValues: Array(repeating: 1, count: rank))
    return EditSubspace(
      blocks: recipe.blocks.map { Block(block: $0, subspace: block) },
      provenance: Provenance(
        recipe: recipe, pairs: 0, pairsDigest: "", modelDigest: try model.identityDigest(), compute: ""))
  }
}
