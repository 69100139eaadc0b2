/// The ways of writing a conversation as one text that open models are trained on.
package enum ChatFormat: String, Sendable, CaseIterable {
  /// `<|im_start|>role\n…<|im_end|>\n`: Qwen, SmolLM2 and many more.
  case chatML = "chatml"
  /// `[INST] <<SYS>>\n…\n<</SYS>>\n\n… [/INST] … `
  case llama2 = "llama-2"
  /// `<|start_header_id|>role<|end_header_id|>\n\n…<|eot_id|>`
  case llama3 = "llama-3"
  /// `[INST] … [/INST]`, with no way to write a system message but before a question.
  case mistral
  /// `<start_of_turn>role\n…<end_of_turn>\n`, the model's role being `model`.
  case gemma
  /// `<|role|>\n…</s>\n`
  case zephyr
  /// `<|role|>\n…<|end|>\n`
  case phi3 = "phi-3"

  /// The names of all, for messages.
  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// The format that the text of a template writes; nil if it is none of these.
  init?(writtenBy template: TemplateText) {
    // What stands earlier marks off what later ones have in common with it.
    let marks: [(format: ChatFormat, all: [String])] = [
      (.chatML, ["<|im_start|>", "<|im_end|>"]),
      (.llama3, ["<|start_header_id|>", "<|eot_id|>"]),
      (.gemma, ["<start_of_turn>", "<end_of_turn>"]),
      (.phi3, ["<|end|>", "<|assistant|>"]),
      (.zephyr, ["<|user|>", "<|assistant|>", "eos_token"]),
      (.llama2, ["[INST]", "<<SYS>>"]),
      (.mistral, ["[INST]", "[/INST]"]),
    ]
    guard let found = marks.first(where: { $0.all.allSatisfy(template.contains) }) else { return nil }
    self = found.format
  }
}
