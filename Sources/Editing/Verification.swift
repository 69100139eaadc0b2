internal import Checkpoints
package import Kernels
internal import Storage
internal import SubspaceEditing
internal import Synchronization
package import Transformer

/// Re-opens an edited checkpoint and proves the edit from its files.
public struct Verification: Sendable {
  /// One claim and whether it holds.
  public struct Check: Sendable, Equatable {
    /// What is claimed.
    public let claim: String
    /// Whether it is so.
    public let holds: Bool
    /// What was found: a figure where it holds, the first contradiction where it does not.
    public let finding: String
  }

  /// The claims, in the order in which they were tested.
  public let checks: [Check]
  /// What the checkpoint says of itself.
  public let receipt: Receipt
  /// Whether every claim holds.
  public var holds: Bool { checks.allSatisfy(\.holds) }

  /// Checks the folder `path` against its receipt, and against `base` where it is given.
  ///
  /// Without the base: every tensor has the hash, type and shape of the receipt, none is missing or new, the edited ones
  /// are those the subspace names, and they have no part in it; an adapter writes into the subspace alone. With it: the files are those the receipt names, and
  /// every tensor computed anew from base and subspace has the bytes of the output.
  /// A GGUF file is held as a whole against the SHA-256 of its receipt, which stands in a folder beside it.
  /// - Parameter context: the threads that quantise tensors anew; all that the machine has where `nil`.
  /// - Throws: where the output, its receipt or the base cannot be read.
  package init(
    of path: String, base: Model?, context: ComputeContext? = nil, progress: ProgressHandler? = nil
  ) throws {
    let folder = path.hasSuffix(".gguf") ? OutputFormat.gguf.receiptFolder(of: path) : path
    let receipt = try Receipt(folder: folder)
    guard receipt.output.isFile == path.hasSuffix(".gguf") else {
      throw EditingError(
        path, "this receipt is of \(receipt.output.isFile ? "a GGUF file: give it" : "a folder")")
    }
    let edited =
      receipt.output.isFile
      ? try GGUFFile(path: path).tensors
      : try SafetensorsFolder(path: path, name: receipt.output.tensorFileStem).tensors
    let subspacePath = FileSystem.join(folder, Receipt.subspaceFileName)
    let subspace = try EditSubspace(path: subspacePath)
    self.receipt = receipt
    let context = context ?? .ofMachine
    let total = edited.entries.reduce(0) { $0 + $1.bytes.count } * (base == nil ? 1 : 2)
    var completed = 0

    var checks = [
      Check.equal(
        "the subspace is the one of the receipt", try Digest.ofFile(subspacePath), receipt.subspaceDigest),
      Self.originCheck(receipt, subspace),
      Self.namesCheck(
        receipt.tensors, edited,
        finding: receipt.output.isAdapter
          ? "\(edited.entries.count), for \(receipt.edited.count) weights"
          : "\(receipt.edited.count) of \(edited.entries.count) edited"),
    ]
    checks += try Self.fileChecks(receipt.files, folder: folder)
    checks.append(
      try Self.digestCheck(receipt.tensors, edited, context) { done, _ in
        completed = done
        progress?(completed, total)
      })
    if let digest = receipt.fileDigest {
      checks.append(Check.equal("the whole file is that of the receipt", try Digest.ofFile(path), digest))
    }
    switch receipt.output {
    case .checkpoint:
      let layout = try Model.family(ofFolder: path).weightLayout
      checks += try Self.residualChecks(receipt, edited, subspace, layout)
    case .gguf:
      checks += try Self.residualChecks(receipt, edited, subspace, .outputsByInputs)
    case .lora, .loraGGUF:
      checks += try Self.adapterChecks(of: path, receipt, edited, subspace, base)
    }
    if let base {
      checks += try Self.checks(receipt, edited, subspace, base, context) { bytes in
        completed += bytes
        progress?(completed, total)
      }
    }
    self.checks = checks
  }

  /// The receipt tells of the subspace what its file tells of itself, and names its blocks as the edited ones.
  private static func originCheck(_ receipt: Receipt, _ subspace: EditSubspace) -> Check {
    let claim = "receipt and subspace agree on pairs, recipe, model and blocks"
    guard receipt.provenance == subspace.provenance else {
      return Check(claim: claim, holds: false, finding: "they tell of different pairs, recipes or models")
    }
    let edited = receipt.edited.compactMap(\.edit?.block).sorted()
    let expected = subspace.blocks.map(\.block)
    let odd = Set(edited).symmetricDifference(expected).min()
    return Check(
      claim: claim, holds: edited == expected,
      finding: edited == expected
        ? "\(expected.count) blocks" : "block \(odd ?? 0) is edited in one of them only")
  }

  /// The output has the tensors that a receipt names and no others.
  static func namesCheck(_ tensors: [Receipt.Tensor], _ store: TensorStore, finding: String) -> Check {
    let expected = Set(tensors.map(\.name))
    let found = Set(store.entries.map(\.name))
    let odd = expected.symmetricDifference(found).sorted().first
    return Check(
      claim: "the tensors are those of the receipt", holds: odd == nil,
      finding: odd.map { expected.contains($0) ? "\"\($0)\" is missing" : "\"\($0)\" is not in it" }
        ?? finding)
  }

  /// Every tensor is as a receipt has it.
  ///
  /// - Parameter progress: told of bytes done.
  static func digestCheck(
    _ tensors: [Receipt.Tensor], _ store: TensorStore, _ context: ComputeContext, _ progress: ProgressHandler?
  ) throws -> Check {
    let total = store.entries.reduce(0) { $0 + $1.bytes.count }
    let completed = Mutex(0)
    let agree = try context.parallelMap(tensors.count) { item in
      let tensor = tensors[item]
      guard let entry = store[tensor.name] else { return true }
      var digest = Digest()
      try store.withBytes(of: entry) { digest.update($0) }
      completed.withLock {
        $0 += entry.bytes.count
        progress?($0, total)
      }
      return digest.hex == tensor.digest && entry.type.name == tensor.type && entry.shape == tensor.shape
    }
    let wrong = agree.firstIndex(of: false).map { tensors[$0].name }
    return Check(
      claim: "every tensor has the receipt's SHA-256, type and shape", holds: wrong == nil,
      finding: wrong.map { "\"\($0)\" differs" } ?? "\(tensors.count) tensors")
  }

  /// Of a projection of full strength what ``residualCheck(_:_:_:_:)`` finds; a step, or a part of a projection, leaves
  /// nothing empty, and nothing is claimed of it.
  private static func residualChecks(
    _ receipt: Receipt, _ edited: TensorStore, _ subspace: EditSubspace, _ layout: WeightLayout
  ) throws -> [Check] {
    subspace.isProjection && receipt.strength == 1
      ? [try residualCheck(receipt, edited, subspace, layout)] : []
  }

  /// ‖V W′‖ / ‖W′‖ is what rounding leaves, for every edited tensor.
  ///
  /// Quantised blocks leave more than chance does, for where an edit changes an element by less than half a step the
  /// element stays on the base's grid: of them at least half of what was written into the subspace must be gone, and the
  /// finding says how much is left.
  private static func residualCheck(
    _ receipt: Receipt, _ edited: TensorStore, _ subspace: EditSubspace, _ layout: WeightLayout
  ) throws -> Check {
    let claim = "nothing is written into the subspace any more: ‖V W′‖ / ‖W′‖"
    var (largest, left) = (0.0, 0.0)
    var (wrong, coarse): (String?, String?)
    for tensor in receipt.edited {
      guard let edit = tensor.edit, let entry = edited[tensor.name], entry.shape.count == 2 else {
        continue
      }
      guard let directions = subspace[edit.block] else {
        return Check(claim: claim, holds: false, finding: "the subspace has no block \(edit.block)")
      }
      let shape = WeightShape(entry.shape, layout)
      guard shape.outputs == directions.hidden else {
        wrong = wrong ?? tensor.name
        continue
      }
      var rest = try WeightCoefficients(directions, shape: shape)
      let values = try edited.floats(entry)
      try rest.add(values.span, rows: 0..<entry.rowCount)
      largest = max(largest, rest.relativeNorm)
      var limit = directions.roundingResidual(of: entry.type)
      if entry.type.isQuantized {
        limit = max(limit, edit.residualBefore / 2)
        left = max(left, rest.relativeNorm / edit.residualBefore)
      }
      if rest.relativeNorm > limit {
        wrong = wrong ?? tensor.name
        if entry.type.isQuantized { coarse = entry.type.name }
      }
    }
    var size = scientific(largest)
    if left > 0 { size += ", \(Int((left * 100).rounded(.up))) % of what it was" }
    let advice =
      coarse.map { "; \($0) is too coarse for so small a change, --gguf-type f16 is not" } ?? ""
    return Check(
      claim: claim, holds: wrong == nil,
      finding: wrong.map { "up to \(size), first in \"\($0)\"\(advice)" } ?? "at most \(size)")
  }

  private static func checks(
    _ receipt: Receipt, _ edited: TensorStore, _ subspace: EditSubspace, _ base: Model,
    _ context: ComputeContext, _ progress: (Int) -> Void
  ) throws -> [Check] {
    let type = try receipt.tensorType.map { name in
      guard let type = ElementType.allCases.first(where: { $0.name == name }) else {
        throw EditingError(Receipt.fileName, "\"tensor_type\" is \(name), which is no type of tensors")
      }
      return type
    }
    let layout = try OutputLayout(
      base, subspace, strength: receipt.strength, format: receipt.output, type: type,
      fileName: Receipt.ggufName, context: context)
    let (files, computed) = try recomputed(
      layout.sourceFiles, layout, base, written: (edited, receipt.tensors), context, progress)
    var recorded = receipt.tensors.reduce(into: [String: Receipt.Tensor]()) { $0[$1.name] = $1 }
    var wrong: String?
    func compare(_ computed: Receipt.Tensor) {
      let agrees = recorded.removeValue(forKey: computed.name)?.agrees(with: computed) ?? false
      if !agrees { wrong = wrong ?? computed.name }
    }
    var whole: [Check] = []
    for file in layout.files {
      if let gguf = file.gguf {
        var digest = Digest()
        let computed = try layout.emitGGUF(file, gguf, base) { bytes in
          digest.update(bytes)
          progress(bytes.count)
        }
        computed.forEach(compare)
        whole = [
          Check.equal(
            "base and subspace give the whole file, metadata and all", digest.hex, receipt.fileDigest ?? "")
        ]
        continue
      }
    }
    computed.forEach(compare)
    wrong = wrong ?? recorded.keys.sorted().first
    let beside = try baseFilesCheck(receipt, layout)
    return whole + beside + [
      Check.equal(
        "the base model is the one of the receipt", files.joined(separator: " "),
        receipt.baseFiles.map(\.digest).joined(separator: " ")),
      Check(
        claim: "base and subspace give these bytes, tensor by tensor", holds: wrong == nil,
        finding: wrong.map { "\"\($0)\" differs" } ?? "identical"),
    ]
  }

  /// The SHA-256 of files of the base, and what the tensors of an output in safetensors become, each on a thread.
  ///
  /// - Parameter written: the output, whose tensors ``digestCheck(_:_:_:_:)`` holds against their records. A tensor that is
  ///   written as it stands in the base is compared with that byte by byte, and has the SHA-256 of its record.
  static func recomputed(
    _ sources: [String], _ layout: OutputLayout?, _ base: Model,
    written: (store: TensorStore, records: [Receipt.Tensor]), _ context: ComputeContext,
    _ progress: (Int) -> Void = { _ in }
  ) throws -> (files: [String], tensors: [Receipt.Tensor]) {
    let recorded = written.records.reduce(into: [String: String]()) { $0[$1.name] = $1.digest }
    let tensors = (layout?.files ?? []).filter { $0.gguf == nil }.flatMap { file in
      file.tensors.map { (file: file.name, tensor: $0) }
    }
    let done = Mutex(())
    let results = try context.parallelMap(sources.count + tensors.count) {
      item -> (file: String?, tensor: Receipt.Tensor?) in
      guard item >= sources.count else { return (try Digest.ofFile(sources[item]), nil) }
      let (file, tensor) = tensors[item - sources.count]
      let record: Receipt.Tensor? =
        if let copy = tensor as? CheckpointTensor, copy.isVerbatim, let digest = recorded[copy.name],
          let entry = written.store[copy.name],
          try base.tensors.holdsSameBytes(copy.source, as: entry, of: written.store)
        { Receipt.Tensor(copy, in: file, digest: digest, edit: nil) } else {
          try layout?.record(tensor, base, file) { _ in }
        }
      done.withLock { _ in progress(tensor.byteCount) }
      return (nil, record)
    }
    return (results.compactMap(\.file), results.compactMap(\.tensor))
  }

  private static func scientific(_ value: Double) -> String {
    guard value > 0 else { return "0" }
    let exponent = Int(value.exponent) * 30103 / 100_000 - 1
    var (mantissa, power) = (value, exponent)
    for _ in 0..<abs(exponent) { mantissa = exponent < 0 ? mantissa * 10 : mantissa / 10 }
    while mantissa >= 10 { (mantissa, power) = (mantissa / 10, power + 1) }
    while mantissa < 1 { (mantissa, power) = (mantissa * 10, power - 1) }
    return "\((mantissa * 10).rounded() / 10)e\(power)"
  }
}

extension Receipt.Tensor {
  /// Whether both records are of the same bytes, and their measures equal but for the order of summation, which is the
  /// processor's.
  fileprivate func agrees(with other: Self) -> Bool {
    func agree(_ a: Double?, _ b: Double?) -> Bool {
      guard let a, let b else { return a == b }
      return abs(a - b) <= 1e-4 * max(abs(a), abs(b))
    }
    guard name == other.name, file == other.file, type == other.type, shape == other.shape,
      digest == other.digest
    else { return false }
    guard let edit, let computed = other.edit else { return edit == other.edit }
    return edit.block == computed.block && edit.digestBefore == computed.digestBefore
      && agree(edit.residualBefore, computed.residualBefore) && agree(edit.residual, computed.residual)
      && agree(edit.relativeChange, computed.relativeChange)
      && agree(edit.quantizationError, computed.quantizationError)
      && agree(edit.baseQuantizationError, computed.baseQuantizationError)
  }
}

extension Verification.Check {
  /// Whether two texts that stand for one thing are the same.
  static func equal(_ claim: String, _ found: String, _ expected: String) -> Self {
    Self(
      claim: claim, holds: found == expected, finding: found == expected ? "same SHA-256" : "SHA-256 differs")
  }
}
