import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// The proof of an edit holds, and breaks where anything was tampered with.
@Suite struct VerificationTests {
  private static let hashes = "every tensor has"
  private static let subspaceHash = "the subspace is the one"
  private static let origin = "receipt and subspace agree"
  private static let names = "the tensors are those"
  private static let bytesAgain = "base and subspace give"
  private static let baseFiles = "the base model is"
  private static let seal = "the receipt is as it was"
  private static let files = "every other file is"
  private static let residual = "nothing is written into"

  @Test("A good edit is proved with and without its base", arguments: PaperGoldens.all, [1, 0.25])
  func good(_ goldens: PaperGoldens, _ strength: Double) throws {
    let folder = try TemporaryFolder()
    let written = try goldens.edit(try goldens.fit(), strength: strength, to: folder.path("out"))
    let alone = try Verification(of: folder.path("out"), base: nil)
    let whole = try Verification(of: folder.path("out"), base: goldens.model())
    #expect(alone.holds && whole.holds, "\(whole.checks)")
    #expect(whole.checks.count == alone.checks.count + 3)
    #expect(alone.receipt == written)
  }

  /// One thing that is changed in an edited folder.
  struct Tampering: CustomTestStringConvertible, Sendable {
    var testDescription: String
    /// Beginnings of the claims that must break without the base, and with it.
    var alone: Set<String>
    var withBase: Set<String>
    var apply: @Sendable (_ folder: String) throws -> Void
  }

  static let tamperings: [Tampering] = [
    Tampering(testDescription: "a bit of an edited tensor", alone: [hashes], withBase: [hashes]) {
      try flipBit(of: editedName(2), $0)
    },
    Tampering(testDescription: "a bit of another tensor", alone: [hashes], withBase: [hashes]) {
      try flipBit(of: "model.norm.weight", $0)
    },
    Tampering(
      testDescription: "an edited tensor as it was in the base", alone: [hashes, residual],
      withBase: [hashes, residual]
    ) {
      let (_, original) = try tensorBytes(editedName(3), PaperGoldens.all[1].folder)
      try change(editedName(3), $0) { $0 = original }
    },
    Tampering(testDescription: "a tensor's type", alone: [hashes, files], withBase: [hashes, files]) {
      try replace(#""BF16""#, by: #""F16" "#, after: "model.norm.weight", in: shard("model.norm.weight", $0))
    },
    Tampering(testDescription: "a tensor's shape", alone: [hashes, files], withBase: [hashes, files]) {
      try replace(
        "[16,48]", by: "[48,16]", after: "layers.0.self_attn.k_proj",
        in: shard("model.layers.0.self_attn.k_proj.weight", $0))
    },
    Tampering(testDescription: "a bit of the subspace", alone: [subspaceHash], withBase: [subspaceHash]) {
      let path = $0 + "/profs/subspace.safetensors"
      var content = try bytes(path)
      // The last value in the file is the smallest direction's last component; its lowest bit changes no weight.
      content[content.count - 4] ^= 1
      try write(content, path)
    },
    Tampering(
      testDescription: "a tensor's hash in the receipt", alone: [seal, hashes],
      withBase: [seal, hashes]
    ) {
      try editReceipt($0) { text in
        let range = try #require(text.range(of: #""sha256": ""#, options: .backwards))
        text.replaceSubrange(range.upperBound..<text.index(range.upperBound, offsetBy: 4), with: "0000")
      }
    },
    Tampering(
      testDescription: "the hash of a base file in the receipt", alone: [seal], withBase: [seal, baseFiles]
    ) {
      try editReceipt($0) { text in
        let range = try #require(text.range(of: #""sha256": ""#))
        text.replaceSubrange(range.upperBound..<text.index(range.upperBound, offsetBy: 4), with: "0000")
      }
    },
    Tampering(
      testDescription: "the number of pairs in the receipt", alone: [seal, origin], withBase: [seal, origin]
    ) {
      try editReceipt($0) { $0.replace(#""count": 20"#, with: #""count": 21"#) }
    },
    Tampering(
      testDescription: "the strength in the receipt", alone: [seal], withBase: [seal, bytesAgain]
    ) {
      try editReceipt($0) { $0.replace(#""strength": 1.0"#, with: #""strength": 2.0"#) }
    },
    Tampering(
      testDescription: "the block of an edit in the receipt", alone: [seal, origin, residual],
      withBase: [seal, origin, residual, bytesAgain]
    ) {
      try editReceipt($0) { $0.replace(#""block": 2"#, with: #""block": 3"#) }
    },
    Tampering(
      testDescription: "the measured change in the receipt", alone: [seal], withBase: [seal, bytesAgain]
    ) {
      try editReceipt($0) { $0.replace(#""relative_change": 0."#, with: #""relative_change": 1."#) }
    },
    Tampering(testDescription: "a tensor more", alone: [names, files], withBase: [names, files]) { folder in
      let path = try shard("model.norm.weight", folder)
      let file = try SafetensorsFile(path: path)
      let output = try AtomicFile(path, replacing: true)
      var writer = try SafetensorsWriter(
        output.writer,
        tensors: file.header.entries.map { .init(name: $0.name, type: $0.type, shape: $0.shape) }
          + [.init(name: "zzz", type: .bf16, shape: [1])], metadata: file.metadata)
      for tensor in writer.tensors {
        if let entry = file.tensors[tensor.name] {
          try file.tensors.withBytes(of: entry) { try writer.append($0, to: tensor.name) }
        } else {
          try [UInt16(7)].withUnsafeBytes { try writer.append($0, to: tensor.name) }
        }
      }
      try writer.finish()
      try output.commit()
    },
  ]

  @Test("What was tampered with breaks the claim about it, and no other", arguments: tamperings)
  func tampered(_ tampering: Tampering) throws {
    let folder = try TemporaryFolder()
    // Sharded, bf16.
    let goldens = PaperGoldens.all[1]
    let out = folder.path("out")
    try goldens.edit(try goldens.fit(), to: out)
    try tampering.apply(out)
    for (base, expected) in [(nil, tampering.alone), (try goldens.model(), tampering.withBase)]
      as [(Model?, Set<String>)]
    {
      let proof = try Verification(of: out, base: base)
      let broken = proof.checks.filter { !$0.holds }.map(\.claim)
      for claim in broken { #expect(expected.contains { claim.hasPrefix($0) }, "\(claim)") }
      for claim in expected { #expect(broken.contains { $0.hasPrefix(claim) }, "\(claim)") }
    }
  }

  @Test("Another base of the same family and size is found out")
  func otherBase() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[1]
    try goldens.edit(try goldens.fit(), to: folder.path("out"))
    // The base with one bit changed.
    try FileManager.default.copyItem(atPath: goldens.folder, toPath: folder.path("base"))
    try Self.flipBit(of: "model.norm.weight", folder.path("base"))
    let proof = try Verification(of: folder.path("out"), base: Model(path: folder.path("base")))
    #expect(!proof.holds)
    #expect(
      proof.checks.filter { !$0.holds }.map(\.finding) == [
        "SHA-256 differs", "\"model.norm.weight\" differs",
      ])
  }

  @Test("A folder without a receipt, and one whose receipt is damaged, cannot be verified")
  func noReceipt() throws {
    let goldens = PaperGoldens.all[0]
    #expect { try Verification(of: goldens.folder, base: nil) } throws: {
      "\($0)".contains("there is no profs.json")
    }
    let folder = try TemporaryFolder()
    try goldens.edit(try goldens.fit(), to: folder.path("out"))
    let receipt = try bytes(folder.path("out/profs.json"))
    for count in stride(from: 0, to: receipt.count - 1, by: 97) {
      try write(Array(receipt[..<count]), folder.path("out/profs.json"))
      #expect(throws: JSONError.self) { try Verification(of: folder.path("out"), base: nil) }
    }
    let text = String(decoding: receipt, as: UTF8.self)
    for (key, value) in [
      ("\"format\": \"profs-receipt\"", "\"format\": \"other\""), ("\"version\": 1", "\"version\": 2"),
      ("\"method\": \"paper\"", "\"method\": 3"), ("\"tensors\": [", "\"tensors\": {\"a\": 1}, \"x\": ["),
      ("\"seed\": \"7\"", "\"seed\": \"-7\""), ("\"strength\": 1.0", "\"strength\": null"),
    ] {
      let changed = text.replacingOccurrences(of: key, with: value)
      try #require(changed != text, "\(key)")
      try write(Array(changed.utf8), folder.path("out/profs.json"))
      #expect(throws: EditingError.self, "\(value)") { try Verification(of: folder.path("out"), base: nil) }
    }
  }

  // MARK: Tampering

  /// The file that holds a tensor.
  private static func shard(_ name: String, _ folder: String) throws -> String {
    let opened = try SafetensorsFolder(path: folder)
    return folder + "/" + opened.shards[try #require(opened.tensors[name]).file].name
  }

  private static func change(_ name: String, _ folder: String, _ body: (inout [UInt8]) -> Void) throws {
    let path = try shard(name, folder)
    var (entry, content) = try tensorBytes(name, folder)
    body(&content)
    var file = try bytes(path)
    file.replaceSubrange(entry.bytes, with: content)
    try write(file, path)
  }

  private static func flipBit(of name: String, _ folder: String) throws {
    try change(name, folder) { $0[$0.count / 2 & ~1] ^= 1 }
  }

  private static func editReceipt(_ folder: String, _ body: (inout String) throws -> Void) throws {
    let path = folder + "/profs.json"
    let before = String(decoding: try bytes(path), as: UTF8.self)
    var text = before
    try body(&text)
    try #require(text != before)
    try write(Array(text.utf8), path)
  }

  /// Replaces text of a header by as much other text.
  private static func replace(_ old: String, by new: String, after place: String, in path: String) throws {
    var content = try bytes(path)
    let place = try #require(content.firstRange(of: Array(place.utf8)))
    let range = try #require(content[place.upperBound...].firstRange(of: Array(old.utf8)))
    try #require(range.count == new.utf8.count)
    content.replaceSubrange(range, with: Array(new.utf8))
    try write(content, path)
  }
}
