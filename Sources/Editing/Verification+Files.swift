internal import Checkpoints
internal import Storage

/// The files around the tensors.
extension Verification {
  /// The receipt has no byte that is not as it was written, and every other file is the one that it names.
  ///
  /// A receipt of a version that named tensors alone has neither digest, and passes: the finding says so.
  static func fileChecks(_ files: [Receipt.OutputFile]?, folder: String) throws -> [Check] {
    let path = FileSystem.join(folder, Receipt.fileName)
    let text = try FileSystem.readFile(path, limit: 256 << 20)
    let root = try JSONDocument(parsing: text, source: path).root
    let claim = "every other file is the one of the receipt"
    guard files != nil || root[Receipt.sealKey] != nil else {
      return [
        Check(
          claim: claim, holds: true,
          finding: "not covered: this receipt, of an earlier version, names tensors alone")
      ]
    }
    let isSealed = Receipt.isSealed(text)
    let fault = try fault(files ?? [], folder)
    let shown = 3
    let others = unnamed(files ?? [], folder, most: shown + 1)
    let rest =
      others.isEmpty
      ? ""
      : "; not in the receipt: \(others.prefix(shown).joined(separator: ", "))\(others.count > shown ? ", …" : "")"
    return [
      Check(
        claim: "the receipt is as it was written", holds: isSealed,
        finding: isSealed ? "SHA-256 agrees" : "\(Receipt.fileName) was changed"),
      Check(
        claim: claim, holds: fault == nil, finding: (fault ?? "\(files?.count ?? 0) files") + rest),
    ]
  }

  /// The first files in the folder that the receipt does not name, hidden ones left out; a folder that cannot be read stands
  /// for what is in it.
  ///
  /// They were there when the model was edited in its place, or came later: nothing is claimed of them.
  private static func unnamed(_ files: [Receipt.OutputFile], _ folder: String, most: Int) -> [String] {
    let known = Set(files.map(\.name) + [Receipt.fileName, Receipt.subspaceFileName])
    var found: [String] = []
    func look(in prefix: String) {
      guard let names = try? FileSystem.list(FileSystem.join(folder, prefix)) else {
        return found.append(prefix)
      }
      for name in names where !name.hasPrefix(".") && found.count < most {
        let path = FileSystem.join(folder, prefix + name)
        if FileSystem.kind(of: path) == .folder, !FileSystem.isLink(path) {
          look(in: prefix + name + "/")
        } else if !known.contains(prefix + name) {
          found.append(prefix + name)
        }
      }
    }
    look(in: "")
    return found
  }

  /// The first file that is not as the receipt has it.
  private static func fault(_ files: [Receipt.OutputFile], _ folder: String) throws -> String? {
    for file in files {
      let path = FileSystem.join(folder, file.name)
      guard isInside(file.name), FileSystem.kind(of: path) == .file else {
        return "\"\(file.name)\" is missing"
      }
      guard
        try Receipt.OutputFile(name: file.name, at: path, file.extent, source: file.source) == file
      else { return "\"\(file.name)\" differs" }
    }
    return nil
  }

  /// Whether `name` leads to no place outside the folder.
  private static func isInside(_ name: String) -> Bool {
    name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
  }

  /// What the receipt says of its files follows from the base: headers and copies byte for byte, and what is written anew.
  ///
  /// The card and an adapter's configuration, which depend on the base's name, are left to the checks without the base.
  static func baseFilesCheck(_ receipt: Receipt, _ layout: OutputLayout) throws -> [Check] {
    guard let files = receipt.files else { return [] }
    var expected: [String: Receipt.OutputFile] = [:]
    for file in try layout.expectedFiles() { expected[file.name] = file }
    var wrong: String?
    var compared = 0
    for file in files where file.name != Receipt.cardName && file.name != AdapterConfiguration.fileName {
      if file.extent == .header, expected[file.name] == nil { continue }
      compared += 1
      if expected[file.name]?.digest != file.digest || expected[file.name]?.extent != file.extent {
        wrong = wrong ?? file.name
      }
    }
    return [
      Check(
        claim: "the files beside the tensors are the base's, or follow from it", holds: wrong == nil,
        finding: wrong.map { "\"\($0)\" differs" } ?? "\(compared) files")
    ]
  }
}

extension OutputLayout {
  /// Headers that are repeated and the files beside the weights, as base and layout give them.
  fileprivate func expectedFiles() throws -> [Receipt.OutputFile] {
    let headers = files.compactMap { file in
      file.header.map { header in
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.text.count >> (8 * $0)) }
        return Receipt.OutputFile(
          name: file.name, byteCount: 0, digest: Digest.ofBytes(length + header.text), extent: .header,
          source: nil)
      }
    }
    return try headers
      + sideFiles.compactMap { file in
        switch file {
        case .text(let name, let text):
          let bytes = Array(text.utf8)
          return Receipt.OutputFile(
            name: name, byteCount: bytes.count, digest: Digest.ofBytes(bytes), extent: .whole, source: nil)
        case .copy(let name, let source):
          return try Receipt.OutputFile(name: name, at: source, .whole)
        }
      }
  }
}
