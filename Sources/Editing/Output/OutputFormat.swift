package import Transformer

/// What an edit is written as.
public enum OutputFormat: String, Sendable, Hashable, CaseIterable {
  /// A folder with all of the model's weights, as the base's but for those that were edited.
  case checkpoint
  /// A folder with a LoRA adapter in PEFT's format, which makes the base the edited model.
  case lora
  /// One GGUF file with all of the model's weights.
  case gguf
  /// One GGUF file with the adapter, for llama.cpp.
  case loraGGUF = "lora-gguf"

  /// Whether the output is a file, beside which there is a folder for what tells of it.
  public var isFile: Bool { self == .gguf || self == .loraGGUF }

  /// Whether the output is an adapter and not a whole model.
  public var isAdapter: Bool { self == .lora || self == .loraGGUF }

  /// What stands behind a file's name in that of the folder for its receipt, subspace and card.
  static let companionSuffix = ".profs"
}

extension OutputFormat {
  /// Throws where an output at `path` would not be known again as one of this format: files end in `.gguf`, folders do not.
  package func check(path: String) throws {
    guard isFile != path.hasSuffix(".gguf") else { return }
    throw EditingError(
      path,
      "the format \(rawValue) is "
        + (isFile
          ? "one file: give a name that ends in .gguf" : "a folder: give a name that does not end in .gguf"))
  }

  /// Throws where `model` cannot be edited in this format.
  package func check(_ model: Model) throws {
    guard !isAdapter || model.configuration.isCausal else {
      throw EditingError(
        "--format \(rawValue)",
        "\(model.family.name) is an encoder, and adapters are for language models; write --format checkpoint")
    }
    guard !isFile || model.family.gguf != nil else {
      throw EditingError(
        "--format \(rawValue)",
        "no GGUF file holds a model of the family \(model.family.name); write a checkpoint")
    }
  }

  /// The folder that holds the receipt of the output at `path`.
  package func receiptFolder(of path: String) -> String { isFile ? path + Self.companionSuffix : path }

  /// Name of the file of tensors in a folder, without its extension.
  var tensorFileStem: String { isAdapter ? "adapter_model" : "model" }
}
