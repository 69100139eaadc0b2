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

  @Test("keys and values that a block takes over may be in the file all the same, and change nothing")
  func needlessTensors() throws {
    let copy = try ModelCopy("gemma4")
    let model = try Model(path: copy.path)
    #expect(model.roles(block: 3).contains(.key) && !model.roles(block: 4).contains(.key))
    #expect(model.entry(.key, block: 4) == nil, "transformers leaves them out")
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
