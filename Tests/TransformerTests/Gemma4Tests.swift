import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// What Gemma 4's configurations say of single blocks.
@Suite struct Gemma4Tests {
  /// The blocks of the copy's model after `config.json` is changed.
  private func shapes(_ name: String, _ members: [String: JSON]) throws -> [ModelConfiguration.BlockShape] {
    let copy = try ModelCopy(name)
    try copy.configure(members)
    return try Model(path: copy.path).configuration.blockShapes
  }

  @Test("blocks that see all keys have heads of their own, in either spelling")
  func spellings() throws {
    let expected = [(2, 8, false), (1, 12, true), (1, 12, true)]
    let authors: [String: JSON] = [
      "per_layer_config": .null, "global_head_dim": 12, "num_global_key_value_heads": 1,
    ]
    for members in [[:], authors] {
      let found = try shapes("gemma4-text", members)
      #expect(
        found.map { "\($0.keyValueHeads) \($0.headDimension) \($0.valuesAreKeys)" }
          == expected.map { "\($0.0) \($0.1) \($0.2)" })
    }
  }

  @Test(
    "the last blocks take over the keys and values of the last of their type that makes some, with an MLP twice as wide"
  )
  func sharing() throws {
    let found = try shapes("gemma4", [:])
    #expect(found.map(\.keySource) == [nil, nil, nil, 2, 3])
    #expect(found.map(\.intermediate) == [36, 36, 36, 72, 72])
  }

  @Test("keys that a block takes over may be in the file all the same, and change nothing")
  func needlessTensors() throws {
    let copy = try ModelCopy("gemma4")
    // A tensor of the tower, of another shape than keys have, under their name.
    try copy.replaceInHeader(
      "model.vision_tower.patch_embedder.position_embedding_table\"",
      by: "model.language_model.layers.3.self_attn.k_proj.weight\"     ")
    let model = try Model(path: copy.path)
    #expect(model.entry(.key, block: 4) != nil && !model.roles(block: 4).contains(.key))
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "gemma4" })
    let sequences = try goldens.sequences()
    let found = try Decoder(model, ComputeContext(threads: 2, precision: .f32))
      .generate(sequences.map(\.ids), .init(maximumNewTokens: sequences[0].continuation.count))
    #expect(found == sequences.map(\.continuation))
  }

  @Test("the one of 12 billion weights has defaults of its own")
  func unified() throws {
    let copy = try ModelCopy("gemma4-text")
    let absent: [String: JSON] = [
      "hidden_size_per_layer_input": .null, "sliding_window": .null, "max_position_embeddings": .null,
    ]
    try copy.configure(absent.merging(["model_type": "gemma4_unified_text"]) { $1 })
    let configuration = try Model(path: copy.path).configuration
    #expect(configuration.tokenBranchWidth == nil && configuration.windows == [1024, nil, nil])
    #expect(configuration.maximumPositions == 262_144)
    try copy.configure(["model_type": "gemma4_text"])
    // Whose tokens come in again, for which this one has no vocabulary.
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("\"vocab_size_per_layer_input\" is") ?? false)
  }

  @Test(
    "what is not supported is refused by name",
    arguments: [
      ("enable_moe_block", JSON.bool(true), "Mixture-of-Experts"),
      ("use_bidirectional_attention", "all", "those behind them"),
      ("num_kv_shared_layers", 3, "must be below the 3 blocks"),
      ("num_kv_shared_layers", 2, "no block of the type of block 2"),
      ("hidden_size_per_layer_input", 8, "\"vocab_size_per_layer_input\""),
      ("per_layer_config", ["1": ["head_dim": 12]], "heads of one width"),
      ("per_layer_config", ["1": ["num_key_value_heads": 0]], "\"num_key_value_heads\""),
    ] as [(String, JSON, String)])
  func refusals(_ key: String, _ value: JSON, _ reason: String) throws {
    let copy = try ModelCopy("gemma4-text")
    try copy.configure([key: value, "vocab_size_per_layer_input": 1000])
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains(reason) ?? false, "\(error?.reason ?? "")")
  }

  @Test("a block that takes over keys and values has as many heads of them as the one that makes them")
  func otherHeads() throws {
    let copy = try ModelCopy("gemma4")
    let file = copy.path + "/config.json"
    let root = try JSONDocument(parsing: FileSystem.readFile(file, limit: 1 << 20), source: file).root
    guard case .object(var text) = JSON(try #require(root["text_config"])) else { return }
    text["per_layer_config"] = [
      "2": ["head_dim": 12], "4": ["head_dim": 12, "num_key_value_heads": 4],
    ]
    try copy.configure(["text_config": .object(text)])
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("as many heads of keys and values as block 3") ?? false)
  }

  @Test("tensors of a shape that the block's own heads do not imply are refused")
  func wrongShape() throws {
    let copy = try ModelCopy("gemma4-text")
    try copy.configure(["per_layer_config": ["1": ["head_dim": 10], "2": ["head_dim": 10]]])
    let error = #expect(throws: ModelError.self) { try Model(path: copy.path) }
    #expect(error?.reason.contains("layers.1.self_attn.q_proj.weight") ?? false)
  }
}
