import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Tokenization
import Transformer

/// Readers of whole models: what is read must also run.
extension Reader {
  private static let fixtures = fixture("TransformerTests/Fixtures")

  /// `config.json` of every family, beside its weights.
  static let config = Reader(name: "config") { scratch in
    try FileManager.default.contentsOfDirectory(atPath: fixtures).sorted().compactMap { name in
      let folder = fixtures + "/" + name
      guard FileSystem.kind(of: folder + "/config.json") == .file else { return nil }
      let weights = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
        $0.hasPrefix("model")
      }
      try scratch.link(weights, from: folder, into: name)
      return Sample(name: name, bytes: try [UInt8](Data(contentsOf: URL(filePath: folder + "/config.json"))))
    }
  } read: { sample, bytes, scratch in
    try scratch.write(bytes, sample.name + "/config.json")
    try run(Model(path: scratch.path + "/" + sample.name))
  }

  /// A GGUF file as a model: metadata, vocabulary and weights.
  static let ggufModel = Reader(name: "gguf-model") { _ in
    try FileManager.default.contentsOfDirectory(atPath: fixtures + "/gguf").sorted().map { name in
      var sample = try sample("TransformerTests/Fixtures/gguf/" + name)
      sample.description = 0..<(try GGUFFile(path: fixtures + "/gguf/" + name)).dataStart
      return sample
    }
  } read: { _, bytes, scratch in
    let model = try Model(path: scratch.write(bytes, "model.gguf"))
    try run(model)
    let tokenizer = try model.tokenizer()
    _ = (tokenizer.decode(try tokenizer.encode("Hello  wörld")), tokenizer.huggingFaceJSON())
  }

  /// Runs a few tokens through the model.
  private static func run(_ model: Model) throws {
    let ids = [Int32](0..<3)
    let context = ComputeContext(threads: 1, precision: .f32)
    try ForwardPass(model, context, TokenForest([ids], chunkTokens: 64)).run(
      throughBlock: model.configuration.blocks,
      afterBlock: { block, stream in
        guard block == model.configuration.blocks, model.configuration.isCausal else { return }
        _ = try LanguageModelHead(model, context).logits(stream, rows: Array(ids.indices))
      })
  }
}
