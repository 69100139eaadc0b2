import Storage
import Testing
import Tokenization

@Suite("Chat formats")
struct ChatFormatTests {
  @Test(
    "Each is recognised from a template, and writes what transformers makes of the template",
    arguments: Fixture.cases("chat.json") { $0["cases"] })
  func rendering(golden: Case) throws {
    let template = try #require(golden["template"]?.string)
    let format = try ChatFormat(template: template, source: "tokenizer_config.json")
    #expect(format.rawValue == golden.name)
    let conversations = try #require(Fixture.json("chat.json").root["conversations"]).elements
    let results = try #require(golden["results"]).elements
    try #require(results.count == 2 * conversations.count && !results.isEmpty)
    for (index, result) in results.enumerated() {
      let messages = try conversations[index / 2].elements.map { turn -> ChatMessage in
        let parts = turn.elements.compactMap(\.string)
        return ChatMessage(try #require(ChatMessage.Role(rawValue: parts[0])), parts[1])
      }
      let render = { () throws(TokenizationError) -> String in
        try format.render(
          messages, ChatFormat.SpecialTexts(bos: "<s>", eos: "</s>"), addsGenerationPrompt: index % 2 == 1)
      }
      if let text = result.string {
        #expect(try render().utf8.elementsEqual(text.utf8), "conversation \(index / 2)")
      } else {
        #expect(throws: TokenizationError.self) { try render() }
      }
    }
  }

  @Test("A template that is not recognised offers the formats by name")
  func unknown() {
    let error = #expect(throws: TokenizationError.self) {
      try ChatFormat(template: "{{ messages }}", source: "model")
    }
    #expect(
      error?.reason.contains("--chat-format: chatml, llama-2, llama-3, mistral, gemma, zephyr, phi-3") == true
    )
  }
}
