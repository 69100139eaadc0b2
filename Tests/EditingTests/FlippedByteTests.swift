import Checkpoints
import Editing
import Foundation
import Kernels
import Storage
import SubspaceEditing
import Testing
import Transformer

/// A flipped byte anywhere in an output is found, and its file or tensor named.
@Suite struct FlippedByteTests {
  /// A base with a model card, a template and code of its own, in two shards of bf16.
  private static func base(in folder: TemporaryFolder) throws -> Model {
    let path = folder.path("base")
    try FileManager.default.copyItem(atPath: PaperGoldens.all[1].folder, toPath: path)
    try FileManager.default.createDirectory(atPath: path + "/code", withIntermediateDirectories: false)
    for (name, text) in [
      ("README.md", "# A model\n"), ("chat_template.jinja", "{{ messages }}"),
      ("code/modeling.py", "x = 1\n"),
    ] {
      try write(Array(text.utf8), path + "/" + name)
    }
    return try Model(path: path)
  }

  /// Flips one byte at a time at `places` of `path`, which is file `name` of the output, and expects `names` in what verify says.
  private static func flip(
    _ path: String, _ places: some Sequence<Int>, of output: String, naming names: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let whole = try bytes(path)
    defer { try? write(whole, path) }
    for (number, place) in places.enumerated() {
      var changed = whole
      changed[place] ^= number % 2 == 0 ? 1 : 0xFF
      try write(changed, path)
      let said: String
      do {
        let broken = try Verification(of: output, base: nil).checks.filter { !$0.holds }
        said = broken.map { "\($0.claim): \($0.finding)" }.joined(separator: "\n")
      } catch {
        said = "\(error)"
      }
      let isNamed = names.contains(where: said.contains)
      #expect(isNamed, "byte \(place) of \(path): \(said)", sourceLocation: sourceLocation)
    }
  }

  @Test("A flipped byte of a folder: weights, their headers, every file beside them, and the receipt")
  func folder() throws {
    let folder = try TemporaryFolder()
    let model = try Self.base(in: folder)
    let out = folder.path("out")
    let receipt = try EditApplication(model, try PaperGoldens.all[1].fit(), strength: 1, seed: 7).write(
      to: out)
    for base in [nil, model] { #expect(try Verification(of: out, base: base).holds) }
    var names: Set<String> = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: out).sorted() {
      let path = out + "/" + name
      guard FileSystem.kind(of: path) == .file else { continue }
      names.insert(name)
      let count = try bytes(path).count
      var places = Set(stride(from: 0, to: count, by: max(1, count / 25))).union([count - 1])
      var said = ["\"\(name)\"", path]
      if let shard = try SafetensorsFolder(path: out).shards.first(where: { $0.name == name }) {
        let start = shard.header.dataStart
        places = Set(stride(from: 0, to: start, by: 61)).union([0, 7, 8, start - 1])
        for entry in shard.header.entries {
          try Self.flip(
            path, [entry.bytes.lowerBound, entry.bytes.upperBound - 1], of: out, naming: ["\"\(entry.name)\""]
          )
        }
        // A name that has changed is missing, and a file that cannot be read is named.
        said += ["is missing", "is not in it"]
      } else if name == Receipt.subspaceFileName {
        said.append("the subspace is the one of the receipt")
      } else if name == Receipt.fileName {
        said.append("the receipt is as it was written")
        places = Set(stride(from: 0, to: count, by: 41)).union([count - 1, count - 20])
      } else {
        #expect(receipt.files?.contains { $0.name == name } == true, "\(name)")
      }
      try Self.flip(path, places.sorted(), of: out, naming: said)
    }
    #expect(
      names.isSuperset(of: [
        "README.md", "README.base.md", "chat_template.jinja", "code/modeling.py", "config.json",
        "tokenizer.json", "model.safetensors.index.json", "profs.json", "profs/subspace.safetensors",
      ]))
    #expect(try Verification(of: out, base: model).holds)
  }

  @Test("A flipped byte of a GGUF file: header, metadata, padding and tensors, and of what stands beside it")
  func gguf() throws {
    let folder = try TemporaryFolder()
    let fixture = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/quantized.gguf").path
    let model = try Model(path: fixture)
    let hidden = model.configuration.hidden
    let block = try BlockSubspace(
      directions: Embeddings(
        count: 1, hidden: hidden, values: Array(repeating: 1 / Float(hidden).squareRoot(), count: hidden)),
      singularValues: [1])
    let subspace = EditSubspace(
      blocks: [EditSubspace.Block(block: 1, subspace: block)],
      provenance: EditSubspace.Provenance(
        recipe: EditRecipe(rank: .fixed(1), blocks: 1...1), pairs: 1,
        pairsDigest: String(repeating: "0", count: 64), modelDigest: try model.identityDigest(),
        compute: "f32"))
    let out = folder.path("out.gguf")
    _ = try EditApplication(model, subspace, strength: 1, seed: 0, format: .gguf).write(to: out)
    #expect(try Verification(of: out, base: model).holds)
    let file = try GGUFFile(path: out)
    let start = file.tensors.entries.map(\.bytes.lowerBound).min() ?? 0
    let count = file.tensors.files[0].byteCount
    var places = Set(stride(from: 0, to: start, by: max(1, start / 120))).union([start - 1, count - 1])
    for entry in file.tensors.entries {
      places.formUnion([
        entry.bytes.lowerBound, entry.bytes.upperBound - 1, min(entry.bytes.upperBound, count - 1),
      ])
    }
    try Self.flip(out, places.sorted(), of: out, naming: ["the whole file is that of the receipt", out])
    for name in ["README.md", "profs.json", Receipt.subspaceFileName] {
      let path = out + ".profs/" + name
      let count = try bytes(path).count
      try Self.flip(
        path, stride(from: 0, to: count, by: max(1, count / 40)), of: out,
        naming: [path, "\"\(name)\"", "the receipt is as it was", "the subspace is the one"])
    }
  }

  @Test("With the base, what was copied from it must be what it has now")
  func baseChanged() throws {
    let folder = try TemporaryFolder()
    let model = try Self.base(in: folder)
    let out = folder.path("out")
    _ = try EditApplication(model, try PaperGoldens.all[1].fit(), strength: 1, seed: 7).write(to: out)
    let whole = try bytes(folder.path("base/code/modeling.py"))
    for change in [Optional(Array("x = 2\n".utf8)), nil] {
      if let change {
        try write(change, folder.path("base/code/modeling.py"))
      } else {
        try FileManager.default.removeItem(atPath: folder.path("base/code/modeling.py"))
      }
      let broken = try Verification(of: out, base: model).checks.filter { !$0.holds }
      #expect(broken.map(\.finding) == ["\"code/modeling.py\" differs"])
      #expect(try Verification(of: out, base: nil).holds)
    }
    try write(whole, folder.path("base/code/modeling.py"))
    #expect(try Verification(of: out, base: model).holds)
  }

  @Test("A receipt of a version that named tensors alone still verifies, and says what it does not cover")
  func earlierReceipt() throws {
    let folder = try TemporaryFolder()
    let goldens = PaperGoldens.all[0]
    let out = folder.path("out")
    try goldens.edit(try goldens.fit(), to: out)
    var text = String(decoding: try bytes(out + "/profs.json"), as: UTF8.self)
    let files = try #require(text.range(of: #"\n  "files": \[(?s:.)*?\n  \],"#, options: .regularExpression))
    text.removeSubrange(files)
    let seal = try #require(
      text.range(of: #",\n  "receipt_sha256": "[0-9a-f]{64}""#, options: .regularExpression))
    text.removeSubrange(seal)
    try write(Array(text.utf8), out + "/profs.json")
    try write(Array("{}".utf8), out + "/generation_config.json")
    for base in [nil, try goldens.model()] {
      let proof = try Verification(of: out, base: base)
      #expect(proof.holds && proof.receipt.files == nil)
      #expect(proof.checks.contains { $0.finding.hasPrefix("not covered") })
    }
    // Half of it is no such receipt.
    try write(
      Array(text.replacing(#""tensors": ["#, with: #""files": [], "tensors": ["#).utf8), out + "/profs.json")
    #expect(try !Verification(of: out, base: nil).holds)
  }
}
