internal import Checkpoints
internal import Storage

extension ModelFamily {
  /// Seed-OSS: Llama with a head width of its own, and biases on queries, keys and values.
  package static let seedOSS = ModelFamily(
    name: "Seed-OSS",
    modelTypes: ["seed_oss"],
    architectures: ["SeedOssForCausalLM"],
    tensorNames: commonTensorNames,
    configuration: { config in
      var configuration = try config.llamaLike(headDimension: 128, keyValueHeads: 8)
      try config.readBiases(
        into: &configuration,
        [
          ("attention_bias", [.query, .key, .value]), ("attention_out_bias", [.attentionOutput]),
          ("mlp_bias", [.mlpGate, .mlpUp, .mlpValue]),
        ])
      return configuration
    },
    gguf: GGUFNames(
      architecture: "seed_oss",
      tensorNames: commonGGUFNames.merging([.mlpNorm: "blk.{}.post_attention_norm.weight"]) { $1 },
      values: commonGGUFValues,
      fixedConfig: [
        ("architectures", ["SeedOssForCausalLM"]), ("model_type", "seed_oss"), ("hidden_act", "silu"),
      ],
      complete: { file, config in
        config["attention_bias"] = .bool(file.has("blk.0.attn_q.bias"))
        // llama.cpp opens no file with any other.
        for tensor in ["attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"]
        where file.has("blk.0.\(tensor)") {
          throw ModelError(
            file.path,
            "tensor \"blk.0.\(tensor)\": GGUF files of Seed-OSS have no biases but those of queries, keys and values; "
              + "write a checkpoint")
        }
      }))
}
