public import ArgumentParser
public import Editing

extension OutputFormat: ExpressibleByArgument {
  /// What it is called in a sentence.
  var noun: String {
    switch self {
    case .checkpoint: "checkpoint"
    case .lora, .loraGGUF: "adapter"
    case .gguf: "GGUF file"
    }
  }
}
