import Checkpoints
import Foundation
import Storage
import Testing
import Transformer

/// What Qwen3.5's configurations and files may say, and may not.
@Suite struct Qwen35Tests {
  /// The copy's model after `config.json` is changed.
  private func model(_ members: [String: JSON]) throws -> Model {
    let copy = try ModelCopy("qwen3.5-text")
    try copy.configure(members)
    return try Model(path: copy.path)
  }

  @Test("where no list says which blocks have attention, every fourth or n-th has")
  func intervals() throws {
    let names = ["layer_types": JSON.null]
    #expect(throws: ModelError.self) { try model(names.merging(["full_attention_interval": 4]) { $1 }) }
    let found = try model(names.merging(["full_attention_interval": 2]) { $1 }).configuration
    #expect((1...3).map(found.isRecurrent) == [true, false, true])
  }

  @Test("a block's tensors must be those of its kind")
  func kinds() throws {
    for (types, expected) in [
      (["full_attention", "full_attention", "linear_attention"], "a gated delta net"),
      (["linear_attention", "linear_attention", "linear_attention"], "missing"),
    ] {
      let error = #expect(throws: ModelError.self) {
        try model(["layer_types": .array(types.map(JSON.string))])
      }
      let reason = error?.reason ?? ""
      #expect(reason.contains(expected) || reason.contains("missing"), "\(reason)")
    }
  }

  @Test(
    "sizes that no tensor shows are bounded",
    arguments: [
      "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
      "linear_conv_kernel_dim", "num_attention_heads", "head_dim",
    ])
  func bounds(_ key: String) throws {
    let error = #expect(throws: ModelError.self) { try model([key: .int(1 << 28)]) }
    #expect(error?.reason.contains("268435456") == true || error?.reason.contains("at most") == true)
  }

  @Test("queries whose norm is of all heads together are refused, as their gates stand between them")
  func wholeNorm() throws {
    #expect(throws: ModelError.self) { try model(["head_dim": 4]) }
  }

  @Test("a state that would grow without end is refused")
  func rates() throws {
    let copy = try ModelCopy("qwen3.5-text")
    let path = copy.path + "/model.safetensors"
    let entry = try #require(try Model(path: copy.path).entry(.deltaDecay, block: 1))
    var data = try Data(contentsOf: URL(filePath: path))
    data.replaceSubrange(entry.bytes.lowerBound..<entry.bytes.lowerBound + 4, with: [0, 0, 0xC0, 0x7F])
    try data.write(to: URL(filePath: path))
    let model = try Model(path: copy.path)
    #expect(throws: ModelError.self) { try model.normWeight(entry, .deltaDecay) }
  }
}
