internal import Kernels
internal import Storage

extension ModelFamily {
  /// GPT-Neo: learned positions, layer norm, plain MLP, scores that are not scaled, and a window in the blocks with local
  /// attention.
  package static let gptNeo = ModelFamily(
    name: "GPT-Neo",
    modelTypes: ["gpt_neo"],
    architectures: ["GPTNeoForCausalLM"],
    tensorNames: [
      .tokenEmbedding: "transformer.wte.weight",
      .positionEmbedding: "transformer.wpe.weight",
      .finalNorm: "transformer.ln_f.weight",
      .outputHead: "lm_head.weight",
      .attentionNorm: "transformer.h.{}.ln_1.weight",
      .query: "transformer.h.{}.attn.attention.q_proj.weight",
      .key: "transformer.h.{}.attn.attention.k_proj.weight",
      .value: "transformer.h.{}.attn.attention.v_proj.weight",
      .attentionOutput: "transformer.h.{}.attn.attention.out_proj.weight",
      .mlpNorm: "transformer.h.{}.ln_2.weight",
      .mlpUp: "transformer.h.{}.mlp.c_fc.weight",
      .mlpValue: "transformer.h.{}.mlp.c_proj.weight",
    ],
    prefix: "transformer.",
    configuration: { config in
      let keys = ConfigReader.GPTKeys(
        hidden: "hidden_size", heads: "num_heads", blocks: "num_layers", intermediate: "intermediate_size",
        positions: "max_position_embeddings")
      var configuration = try config.gptLike(keys, positions: 2048, tiedHead: true)
      configuration.positions = .learned(offset: 0)
      configuration.attentionScale = 1
      let window = try config.count("window_size", default: 256)
      configuration.windows = try config.localBlocks(configuration.blocks).map { $0 ? window : nil }
      return configuration
    })
}

extension ConfigReader {
  /// Whether attention is local, of each block: from `attention_types`, which is `[[["global", "local"], 12]]` where it is left out.
  fileprivate func localBlocks(_ blocks: Int) throws -> [Bool] {
    guard blocks <= 1 << 16 else { throw ModelError(path, "\(blocks) blocks are more than any model has") }
    guard let types = self["attention_types"] else {
      guard blocks == 24 else {
        throw ModelError(
          path, "\"attention_types\" is needed to tell which of \(blocks) blocks have a window")
      }
      return (1...blocks).map { $0.isMultiple(of: 2) }
    }
    var result: [Bool] = []
    for entry in types.elements {
      let kinds = entry.elements.first?.elements.map(\.string) ?? []
      guard entry.count == 2, let times = entry.elements.last?.int, times > 0, !kinds.isEmpty,
        kinds.allSatisfy({ $0 == "global" || $0 == "local" }), times <= blocks / kinds.count
      else {
        throw ModelError(path, "\"attention_types\" must be lists of [[\"global\", \"local\"], times]")
      }
      for _ in 0..<times { result += kinds.map { $0 == "local" } }
      guard result.count <= blocks else { break }
    }
    guard result.count == blocks else {
      throw ModelError(path, "\"attention_types\" must name all \(blocks) blocks, found \(result.count)")
    }
    return result
  }
}
