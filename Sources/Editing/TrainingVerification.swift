internal import Checkpoints
internal import Storage
package import Transformer

/// Re-opens what a training wrote and holds it against its receipt, and against the base where that is given.
///
/// What the training itself did cannot be computed anew from files; that nothing else was changed can.
package struct TrainingVerification: Sendable {
  /// The claims, in the order in which they were tested.
  package let checks: [Verification.Check]
  /// Names of the tensors that were trained.
  package let trained: [String]

  /// Whether the receipt in `folder` is of a training.
  package static func applies(to folder: String) throws -> Bool {
    let path = FileSystem.join(folder, Receipt.fileName)
    guard FileSystem.kind(of: path) == .file else { return false }
    return try document(path)["format"]?.string == TrainingReceipt.format
  }

  /// Checks the folder `path`.
  ///
  /// - Throws: where the output, its receipt or the base cannot be read.
  package init(of path: String, base: Model?, progress: ProgressHandler? = nil) throws {
    let receiptPath = FileSystem.join(path, Receipt.fileName)
    let root = try Self.document(receiptPath)
    guard let receipt = Recorded(root) else {
      throw EditingError(receiptPath, "the receipt of a training cannot be read; the file is damaged")
    }
    let found = try SafetensorsFolder(path: path, name: receipt.output.tensorFileStem).tensors
    trained = receipt.tensors.filter(\.isTrained).map(\.tensor.name)
    let tensors = receipt.tensors.map(\.tensor)
    var checks = [
      Verification.namesCheck(tensors, found, finding: "\(trained.count) of \(found.entries.count) trained")
    ]
    checks += try Verification.fileChecks(receipt.files, folder: path)
    checks.append(try Verification.digestCheck(tensors, found, .ofMachine, progress))
    if let base { checks += try Self.baseChecks(receipt, found, base) }
    self.checks = checks
  }

  private static func document(_ path: String) throws -> JSONValue {
    try JSONDocument(parsing: try FileSystem.readFile(path, limit: 256 << 20), source: path).root
  }

  /// The base is the one of the receipt, and what was not trained has its bytes.
  private static func baseChecks(
    _ receipt: Recorded, _ found: TensorStore, _ base: Model
  ) throws -> [Verification.Check] {
    let layout = receipt.output == .checkpoint ? try OutputLayout(base, trained: base, changed: []) : nil
    let (digests, tensors) = try Verification.recomputed(
      OutputLayout.sourceFiles(of: base), layout, base, written: (found, receipt.tensors.map(\.tensor)),
      .ofMachine)
    var checks = [
      Verification.Check.equal(
        "the base model is the one of the receipt", digests.joined(separator: " "),
        receipt.baseDigests.joined(separator: " "))
    ]
    guard receipt.output == .checkpoint else { return checks }
    let computed = tensors.reduce(into: [String: String]()) { $0[$1.name] = $1.digest }
    let others = receipt.tensors.filter { !$0.isTrained }.map(\.tensor)
    let wrong = others.first { computed[$0.name] != $0.digest }?.name
    checks.append(
      Verification.Check(
        claim: "every tensor that was not trained is the base's", holds: wrong == nil,
        finding: wrong.map { "\"\($0)\" differs" } ?? "\(others.count) tensors"))
    return checks
  }

  /// What checks need of a receipt.
  private struct Recorded {
    var output: OutputFormat
    var baseDigests: [String]
    var files: [Receipt.OutputFile]
    var tensors: [(tensor: Receipt.Tensor, isTrained: Bool)]

    /// Reads a receipt; `nil` where it is not one.
    init?(_ root: JSONValue) {
      guard root["version"]?.int == 1, let output = root["output"]?.string.flatMap(OutputFormat.init),
        let digests = root["base"]?["files"]?.elements.map({ $0["sha256"]?.string }),
        let files = root["files"]?.elements.map({ Receipt.OutputFile($0) }),
        let tensors = root["tensors"]?.elements.map(Self.tensor), !output.isFile
      else { return nil }
      self.output = output
      (self.baseDigests, self.files) = (digests.compactMap(\.self), files.compactMap(\.self))
      self.tensors = tensors.compactMap(\.self)
      guard self.baseDigests.count == digests.count, self.files.count == files.count,
        self.tensors.count == tensors.count
      else { return nil }
    }

    private static func tensor(_ value: JSONValue) -> (tensor: Receipt.Tensor, isTrained: Bool)? {
      guard let name = value["name"]?.string, let file = value["file"]?.string,
        let type = value["dtype"]?.string, let shape = value["shape"]?.elements.compactMap(\.int),
        let digest = value["sha256"]?.string, let isTrained = value["trained"]?.bool
      else { return nil }
      return (
        Receipt.Tensor(name: name, file: file, type: type, shape: shape, digest: digest, edit: nil), isTrained
      )
    }
  }
}
