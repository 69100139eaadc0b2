internal import Checkpoints
internal import Storage

/// Features of checkpoints that would be computed wrongly if they were not looked for: each is refused by name.
enum UnsupportedFeatures {
  /// Keys of `config.json` that count the experts of a Mixture-of-Experts model.
  private static let expertCounts = [
    "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts",
  ]

  /// Ends of the names of tensors that a quantised checkpoint has beside, or instead of, a matrix.
  private static let quantisedSuffixes: [(suffix: String, method: String)] = [
    (".qweight", "GPTQ or AWQ"), (".SCB", "bitsandbytes"), (".weight.absmax", "bitsandbytes"),
    (".weight.quant_map", "bitsandbytes"), (".weight_packed", "compressed-tensors"),
    (".weight_scale_inv", "fp8"), (".weight_scale", "fp8"),
  ]

  /// Throws where `root`, a `config.json` or the part of it for the text model, describes a Mixture of Experts.
  static func refuseExperts(_ root: JSONValue, _ path: String) throws {
    func refusal(_ finding: String) -> ModelError {
      ModelError(path, "\(finding): Mixture-of-Experts models are not supported; give a dense model")
    }
    for key in expertCounts {
      guard let value = root[key], !value.isNull, value.int != 0 else { continue }
      throw refusal("\"\(key)\" is \(value.summary)")
    }
    let names =
      [("model_type", root["model_type"])]
      + (root["architectures"]?.elements ?? []).map { ("architectures", $0) }
    for (key, value) in names {
      guard let value, let name = value.string?.lowercased(),
        name.contains("moe") || name.hasPrefix("mixtral")
      else {
        continue
      }
      throw refusal("\"\(key)\" is \(value.summary)")
    }
  }

  /// Throws where `root` says that the weights are quantised.
  static func refuseQuantised(_ root: JSONValue, _ path: String) throws {
    for key in ["quantization_config", "compression_config"] {
      guard let settings = root[key], !settings.isNull else { continue }
      let isBitsAndBytes = ["load_in_8bit", "load_in_4bit", "_load_in_8bit", "_load_in_4bit"].contains {
        settings[$0]?.bool ?? false
      }
      let method =
        settings["quant_method"]?.string ?? (isBitsAndBytes ? "bitsandbytes" : "a method without a name")
      throw refusal(path, "\"\(key)\"", method)
    }
  }

  /// Throws where a tensor's name says that the weights are quantised, though the configuration did not.
  static func refuseQuantised(_ tensors: TensorStore, _ path: String) throws {
    for entry in tensors.entries {
      guard let match = quantisedSuffixes.first(where: { entry.name.hasSuffix($0.suffix) }) else { continue }
      throw refusal(path, "tensor \"\(entry.name)\"", match.method)
    }
  }

  private static func refusal(_ path: String, _ finding: String, _ method: String) -> ModelError {
    ModelError(
      path,
      "\(finding): the weights are quantised with \(method.count <= 40 ? method : "an unknown method"), "
        + "which cannot be edited; give the original checkpoint or a GGUF")
  }
}
