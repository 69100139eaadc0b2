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
    for text in ["<|im_end|>" + many, many + "<|im_end|>", String(many.dropLast(4000)) + "<|im_end|>"] {
      #expect(try ChatTemplate(text: text, source: "model").format == .chatML)
    }
    #expect(throws: TokenizationError.self) {
      try ChatTemplate(text: many + many + "<|im_end|>", source: "model")
    }
  }

  @Test(
    "A template that is not recognised, or writes more than is known of its format, offers the formats by name",
    arguments: [
      ("{{ messages }}", "not of a known format"), ("", "not of a known format"),
      ("<|im_start|><|im_end|><think>\n", "<think>"),
      ("[SYSTEM_PROMPT][INST][/INST]", "[SYSTEM_PROMPT]"),
      ("<|start_header_id|><|eot_id|>Cutting Knowledge Date: {{ now }}", "a date"),
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
