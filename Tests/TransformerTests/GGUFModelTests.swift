import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// The tiny checkpoints as GGUF files, made by `Scripts/fixtures/tiny_gguf.py` by llama.cpp's conventions, which
/// llama.cpp itself computes the goldens from (`compare_gguf.py`).
@Suite struct GGUFModelTests {
  static let files = FamilyGoldens.all.filter { FileManager.default.fileExists(atPath: $0.gguf) }

  @Test("Every file computes what transformers does from the checkpoint it was made of", arguments: files)
  func logitsAgree(_ goldens: FamilyGoldens) throws {
    let model = try Model(path: goldens.gguf)
    let original = try Model(path: goldens.folder)
    #expect(model.configuration.rotary.dependsOnLength == original.configuration.rotary.dependsOnLength)
    let context = ComputeContext(threads: 2, precision: .f32)
    var blocks = Array(repeating: [Float](), count: model.configuration.blocks)
    var logits: [Float] = []
    for ids in try goldens.sequences().map(\.ids) {
      let forest = TokenForest([ids], chunkTokens: 1024)
      try ForwardPass(model, context, forest).run(
        throughBlock: blocks.count,
        afterBlock: { block, stream in
          blocks[block - 1] += try stream.withRows {
            Array(UnsafeBufferPointer(start: $0, count: ids.count * stream.width))
          }
          if block == blocks.count, model.configuration.isCausal {
            logits += try LanguageModelHead(model, context).logits(stream, rows: Array(ids.indices))
          }
        })
    }
    for (index, found) in blocks.enumerated() {
      #expect(relativeError(found, try goldens.tensor("block.\(index + 1)")) < 1e-5, "block \(index + 1)")
    }
    if model.configuration.isCausal { #expect(relativeError(logits, try goldens.tensor("logits")) < 1e-5) }
  }

  @Test("Every supported architecture has a file, and greedy decoding is that of the checkpoint")
  func everyArchitecture() throws {
    let architectures = Set(try Self.files.map { try Model(path: $0.gguf).family.gguf?.architecture })
    #expect(architectures == Set(ModelFamily.all.compactMap { $0.gguf?.architecture }))
    for goldens in FamilyGoldens.decoders where Self.files.contains(where: { $0.name == goldens.name }) {
      let sequences = try goldens.sequences()
      let decoder = Decoder(try Model(path: goldens.gguf), ComputeContext(threads: 2, precision: .f32))
      let found = try decoder.generate(
        sequences.map(\.ids), .init(maximumNewTokens: sequences[0].continuation.count))
      #expect(found == sequences.map(\.continuation), "\(goldens.name)")
    }
  }

  /// A value of a file's metadata that is changed, and a part of the sentence that refuses it.
  static let refusals: [(file: String, key: String, value: [UInt8], reason: String)] = [
    ("llama-llama3", "general.architecture", Array("llamb".utf8), "architecture \"llamb\" is not supported"),
    ("llama-yarn", "llama.rope.scaling.type", Array("yorn".utf8), "supported: none, linear, yarn, longrope"),
    ("llama-yarn", "llama.rope.scaling.factor", [0, 0, 0xC0, 0x7F], "must be a number from 0, found nan"),
    ("bert-pooled", "bert.attention.causal", [1], "is true, which is not supported"),
    ("gemma3-text", "gemma3.attention.value_length", [9, 0, 0, 0], "differs from the length of keys"),
    ("gemma4", "gemma4.attention.value_length_swa", [9, 0, 0, 0], "differs from the length of keys"),
    ("gemma4", "gemma4.attention.shared_kv_layers", [1, 0, 0, 0], "twice as much for those that share"),
    ("gemma4", "gemma4.attention.shared_kv_layers", [5, 0, 0, 0], "must have a number for each block"),
    ("gemma4", "gemma4.attention.key_length", [8, 0, 0, 0], "differs from the length of keys"),
    (
      "gemma4-text", "gemma4.embedding_length_per_layer_input", [8, 0, 0, 0],
      "\"per_layer_token_embd.weight\" is missing"
    ),
    (
      "llama-llama3", "llama.rope.freq_base", [0, 0, 0x80, 0x44],
      "does not scale the rotary frequencies as Llama 3"
    ),
    ("phi3-longrope", "phi3.rope.dimension_count", [10, 0, 0, 0], "must be [5] in F32, found [6]"),
    ("llama-biases", "llama.attention.head_count_kv", [0, 0, 0, 0], "must be an integer from 1"),
  ]

  @Test("What a file asks for and cannot be had is named", arguments: refusals.indices)
  func refused(index: Int) throws {
    let (name, key, value, reason) = Self.refusals[index]
    let goldens = try #require(FamilyGoldens.all.first { $0.name == name })
    var bytes = try Data(contentsOf: URL(filePath: goldens.gguf))
    let place = try #require(bytes.range(of: Data(key.utf8))).upperBound
    // A string's length stands between its type and its bytes.
    let start = place + 4 + (bytes[place] == 8 ? 8 : 0)
    bytes.replaceSubrange(start..<start + value.count, with: value)
    let path = FileManager.default.temporaryDirectory.appending(path: "profs-\(UUID().uuidString).gguf").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try bytes.write(to: URL(filePath: path))
    let error = #expect(throws: ModelError.self) { _ = try Model(path: path) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }
}

extension FamilyGoldens {
  /// The checkpoint as a GGUF file, of those that have one.
  var gguf: String {
    URL(filePath: folder).deletingLastPathComponent().appending(path: "gguf/\(name).gguf").path
  }
}
