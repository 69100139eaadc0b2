package import Transformer

/// What an edit is written as.
public enum OutputFormat: String, Sendable, Hashable, CaseIterable {
  /// A folder with all of the model's weights, as the base's but for those that were edited.
  case checkpoint
  /// A folder with a LoRA adapter in PEFT's format, which makes the base the edited model.
  case lora
}

extension OutputFormat {
  /// Throws where `model` cannot be edited in this format.
  package func check(_ model: Model) throws {
    guard self == .checkpoint || model.configuration.isCausal else {
      throw EditingError(
        "--format \(rawValue)",
        "\(model.family.name) is an encoder, and adapters are for language models; write --format checkpoint")
    }
  }

  /// Name of the file of tensors, without its extension.
  var tensorFileStem: String {
    switch self {
    case .checkpoint: "model"
    case .lora: "adapter_model"
    }
  }
}
