/// The ways of writing a conversation as one text that open models are trained on.
///
/// Chat templates are programs in Jinja. They are not run here: the format is recognised by what it writes, and
/// written by ``render(_:specialTokens:addGenerationPrompt:)``. Additions that many templates have, such as a default
/// system message, today's date or tools, are not made.
package enum ChatFormat: String, Sendable, CaseIterable {
  /// `<|im_start|>role\n…<|im_end|>\n`: Qwen, SmolLM2 and many more.
  case chatML = "chatml"
  /// `[INST] <<SYS>>\n…\n<</SYS>>\n\n… [/INST] … `
  case llama2 = "llama-2"
  /// `<|start_header_id|>role<|end_header_id|>\n\n…<|eot_id|>`
  case llama3 = "llama-3"
  /// `[INST] … [/INST]`, with no way to write a system message but before the first question.
  case mistral
  /// `<start_of_turn>role\n…<end_of_turn>\n`, the model's role being `model`.
  case gemma
  /// `<|role|>\n…</s>\n`
  case zephyr
  /// `<|role|>\n…<|end|>\n`
  case phi3 = "phi-3"

  /// The format that the template of a model writes.
  ///
  /// - Parameters:
  ///   - template: The text of the template, from `tokenizer_config.json`, `chat_template.jinja` or
  ///     `tokenizer.chat_template`.
  ///   - source: What the template was read from, for messages.
  /// - Throws: `TokenizationError` offering the formats there are, if none is recognised.
  package init(template: String, source: String) throws(TokenizationError) {
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
    let text = Array(template.utf8)
    let found = marks.first { $0.all.allSatisfy { text.contains(Array($0.utf8)) } }
    guard let format = found?.format else {
      let names = ChatFormat.allCases.map(\.rawValue).joined(separator: ", ")
      throw TokenizationError(
        source: source, keyPath: "chat_template",
        reason: "the chat template is not of a known format; name the closest with --chat-format: \(names)")
    }
    self = format
  }

  /// The texts of the tokens that begin and end a text, for the formats that write them.
  package struct SpecialTexts: Sendable {
    /// Begins a text, such as `<s>`.
    package var bos: String
    /// Ends a text, such as `</s>`.
    package var eos: String

    /// These texts.
    package init(bos: String = "", eos: String = "") {
      self.bos = bos
      self.eos = eos
    }
  }
}

extension Tokenizer {
  /// The texts of BOS and EOS, empty where there is none.
  package var specialTexts: ChatFormat.SpecialTexts {
    func text(_ id: Int32?) -> String {
      id.map { String(decoding: vocabulary.texts[Int($0)], as: UTF8.self) } ?? ""
    }
    return ChatFormat.SpecialTexts(bos: text(bosID), eos: text(eosID))
  }
}
