import Storage
import Testing
import Tokenization

@Suite("Chat templates")
struct ChatTemplateTests {
  static let specialTexts = ChatTemplate.SpecialTexts(bos: "<s>", eos: "</s>")

  @Test(
    "Each is recognised, and written as transformers does it",
    arguments: Fixture.cases("chat.json") { $0["cases"] })
  func rendering(golden: Case) throws {
    let text = try #require(golden["template"]?.string)
    let template = try ChatTemplate(text: text, source: "tokenizer_config.json")
    #expect(template.format.rawValue == golden["format"]?.string)
    let conversations = try #require(Fixture.json("chat.json").root["conversations"]).elements
    let results = try #require(golden["results"]).elements
    try #require(results.count == 2 * conversations.count && !results.isEmpty)
    for (index, result) in results.enumerated() {
      let messages = try conversations[index / 2].elements.map { turn -> ChatMessage in
        let parts = turn.elements.compactMap(\.string)
        return ChatMessage(try #require(ChatMessage.Role(rawValue: parts[0])), parts[1])
      }
      let render = { (template: ChatTemplate) throws(TokenizationError) -> String in
        try template.render(messages, Self.specialTexts, addsGenerationPrompt: index % 2 == 1)
      }
      if let text = result.string {
        #expect(try render(template).utf8.elementsEqual(text.utf8), "conversation \(index / 2)")
        // Named in so many words, the format is that of the model without habits of its own.
        guard golden.name == template.format.rawValue else { continue }
        #expect(try render(ChatTemplate(template.format)) == text, "conversation \(index / 2)")
      } else {
        #expect(throws: TokenizationError.self) { try render(template) }
      }
    }
  }

  @Test("A template of any size is looked through in little time", .timeLimit(.minutes(1)))
  func hostile() throws {
    let start = #"'<|im_start|>system\n"#
    let many = String(repeating: start, count: (1 << 20) / start.utf8.count - 2)
    let end = #"{% if add_generation_prompt %}<|im_end|>\n"#
    for text in [end + many, String(many.dropLast(500)) + end, String(many.dropLast(4000)) + end] {
      #expect(try ChatTemplate(text: text, source: "model").format == .chatML)
    }
    #expect(throws: TokenizationError.self) {
      try ChatTemplate(text: many + many + "<|im_end|>", source: "model")
    }
  }

  private static let thinking =
    Fixture.cases("chat.json") { $0["cases"] }
    .first { $0.name == "chatml, reasoning" }?["template"]?.string?
    .replacing(#"<|im_start|>assistant\n"#, with: #"<|im_start|>assistant\n<think>\n"#) ?? ""

  /// Templates of a format with something more.
  private static func chatML(_ more: String) -> String {
    "{{ '<|im_start|>' + m + '<|im_end|>\\n' }}{% if add_generation_prompt %}" + more
  }
  private static func llama3(_ more: String) -> String {
    "{{ '<|start_header_id|>' + r + m + '<|eot_id|>' }}{% if add_generation_prompt %}" + more
  }
  private static func mistral(_ answer: String) -> String {
    "{{ '[INST] ' + m + ' [/INST]' }}{{ \(answer) }}"
  }

  @Test(
    "A template that is not recognised, or writes more than is known of its format, offers the formats by name",
    arguments: [
      ("{{ messages }}", "not of a known format"), ("", "not of a known format"),
      ("<|im_start|><|im_end|><think>\n", "<think>"),
      // Qwen3's, but that an answer always begins with a thought.
      (Self.thinking, "<think>"),
      ("[SYSTEM_PROMPT][INST][/INST]", "[SYSTEM_PROMPT]"),
      (Self.llama3("Cutting Knowledge Date: {{ now }}"), "a date"),
      // Of real models: first editions, other line ends, classifiers, tool callers.
      ("{{ '<|im_start|>' + m['content'] + '<|im_end|>\\n' }}", "whether an answer is to follow"),
      (Self.chatML("<|im_start|>user<|im_sep|>"), "<|im_sep|>"),
      (Self.chatML("{{ m + '<|im_end|>\\n<|im_start|>assistant\\n' }}"), "behind every question"),
      (Self.chatML("{{ m + '<|im_end|>' + '\n<|im_start|>assistant' }}"), "behind every question"),
      (Self.chatML("{{ eos_token }}"), "also ends with EOS"),
      (Self.chatML("{% if (loop.last and add_generation_prompt) or not loop.last %}"), "the last turn open"),
      (Self.chatML("{% set system_message = 'Be kind.' %}"), "in a variable"),
      (
        "{{ '<|im_start|>' + m + '<|im_end|>' }}{% if add_generation_prompt %}",
        "no line end behind <|im_end|>"
      ),
      (Self.llama3("{{ '<|begin_of_text|>' }}"), "BOS in its own way"),
      (Self.llama3("{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"), "a system's turn of its own"),
      (Self.llama3("Task: Check if there is unsafe content"), "Task: "),
      (
        "{{ '<|' + r + '|>' + m + '<|end|>' }}{% if add_generation_prompt %}{{ '<|assistant|>' }}",
        "no line ends"
      ),
      (
        "{{ '<|user|>\\n' + m + '<|end|>\\n<|assistant|>\\n' }}{% if add_generation_prompt %}",
        "behind every question"
      ),
      (
        "{{ '<|user|>\\n' + m + '\\n' }}{{ '<|assistant|>\\n' + m + eos_token }}{% if add_generation_prompt %}",
        "ends questions without EOS"
      ),
      (Self.mistral("message['content'] + eos_token + ' '"), "a space behind EOS"),
      (Self.mistral("message['content'] + ' ' + eos_token"), "answers in its own way"),
      (Self.mistral("message['content'] + eos_token }}{{ '<s>'"), "BOS in its own way"),
      (
        Self.mistral("message['content'] + eos_token }}{% if r == 'system' %}{{ s + ' '"),
        "joins the system's words"
      ),
      (Self.mistral("m }}{% set system_message = \"Be kind.\" %}{{ m"), "a default system's text"),
    ])
  func refused(template: String, reason: String) {
    let error = #expect(throws: TokenizationError.self) {
      try ChatTemplate(text: template, source: "model")
    }
    #expect(error?.source == "model")
    #expect(error?.reason.contains(reason) == true)
    #expect(
      error?.reason.contains("--chat-format: chatml, llama-2, llama-3, mistral, gemma, zephyr, phi-3") == true
    )
  }
}
