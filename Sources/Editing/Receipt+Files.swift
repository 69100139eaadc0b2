internal import Checkpoints
internal import Storage

extension Receipt {
  /// A file of the output, besides the receipt itself and the subspace, which has its own line.
  public struct OutputFile: Sendable, Equatable {
    /// What of a file its digest is of.
    public enum Extent: String, Sendable, Equatable {
      /// All of it.
      case whole = "sha256"
      /// What stands before the first tensor; the tensors have digests of their own, and there is nothing between them.
      case header = "header_sha256"
    }

    /// Its path in the output folder.
    public let name: String
    /// Its size in bytes.
    public let byteCount: Int
    /// SHA-256 of what ``extent`` says.
    public let digest: String
    /// What the digest is of.
    public let extent: Extent
    /// Path of the base's file that it is a copy of; `nil` where it is none.
    public let source: String?
  }

  /// The name of the receipt's own digest in it.
  static let sealKey = "receipt_sha256"
  /// What stands in the digest's place while it is computed.
  static let unsealed = String(repeating: "0", count: 64)
  private static let end = Array("\"\n}\n".utf8)

  /// `text`, which ends in ``unsealed`` as its last member, with the SHA-256 of itself in that place.
  static func sealed(_ text: String) -> String {
    var digest = Digest()
    digest.update(text)
    let place = text.utf8.count - end.count - unsealed.utf8.count
    return String(Substring(text.utf8.prefix(place))) + digest.hex + String(decoding: end, as: UTF8.self)
  }

  /// Whether a receipt's bytes end in the SHA-256 of themselves, zeros standing in its place.
  static func isSealed(_ text: [UInt8]) -> Bool {
    let place = text.count - end.count - unsealed.utf8.count
    guard place > 0, text.suffix(end.count).elementsEqual(end) else { return false }
    let found = text[place..<place + unsealed.utf8.count]
    var blank = text
    blank.replaceSubrange(found.indices, with: unsealed.utf8)
    return found.elementsEqual(Digest.ofBytes(blank).utf8)
  }
}

extension Receipt.OutputFile {
  /// What the file at `path` is now.
  ///
  /// - Throws: where it cannot be read, or has no header where that is asked for.
  init(name: String, at path: String, _ extent: Extent, source: String? = nil) throws {
    let file = try MappedFile(path: path)
    var digest = Digest()
    let count = extent == .header ? try SafetensorsHeader(of: file, index: 0).dataStart : file.byteCount
    try digest.update(file, 0..<count)
    self.init(name: name, byteCount: file.byteCount, digest: digest.hex, extent: extent, source: source)
  }

  /// Its object in the receipt.
  var json: JSON {
    .object(
      [("name", .string(name)), ("bytes", .int(byteCount)), (extent.rawValue, .string(digest))]
        + (source.map { [("base", JSON.string($0))] } ?? []))
  }

  /// Reads an object of the receipt; `nil` where it is not one.
  init?(_ value: JSONValue) {
    guard let name = value["name"]?.string, let count = value["bytes"]?.int else { return nil }
    let found = [Extent.whole, .header].compactMap { extent in
      value[extent.rawValue]?.string.map { (extent: extent, digest: $0) }
    }
    guard let only = found.first, found.count == 1 else { return nil }
    self.init(
      name: name, byteCount: count, digest: only.digest, extent: only.extent, source: value["base"]?.string)
  }
}

extension Digest {
  /// SHA-256 of some bytes.
  static func ofBytes(_ bytes: [UInt8]) -> String {
    var digest = Digest()
    bytes.withUnsafeBytes { digest.update($0) }
    return digest.hex
  }
}
