import Storage
import Testing
import Tokenization

@Suite("Chat templates")
struct ChatTemplateTests {
  static let specialTexts = ChatTemplate.SpecialTexts(bos: "<s>", eos: "</s>")

  @Test(
    "Each writes conversations as transformers does with it",
    arguments: Fixture.cases("chat.json") { $0["cases"] })
  func rendering(golden: Case) throws {
    let text = try #require(golden["template"]?.string)
    let template = try ChatTemplate(text: text, source: "tokenizer_config.json")
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
        guard let format = ChatFormat(rawValue: golden.name) else { continue }
        #expect(try render(ChatTemplate(format)) == text, "conversation \(index / 2)")
      } else {
        #expect(throws: TokenizationError.self) { try render(template) }
      }
    }
  }

  @Test(
    "Small templates do what they do in Jinja, or fail where they do",
    arguments: Fixture.cases("jinja.json") { $0["cases"] })
  func language(golden: Case) throws {
    let conversation = try #require(Fixture.json("jinja.json").root["conversation"]).elements
    let messages = try conversation.map { turn -> ChatMessage in
      let parts = turn.elements.compactMap(\.string)
      return ChatMessage(try #require(ChatMessage.Role(rawValue: parts[0])), parts[1])
    }
    let text = try #require(golden["template"]?.string)
    let render = { () throws(TokenizationError) -> String in
      try ChatTemplate(text: text, source: "model").render(
        messages, Self.specialTexts, addsGenerationPrompt: false)
    }
    if let result = golden["result"]?.string {
      let written = try render()
      #expect(written.utf8.elementsEqual(result.utf8), "\(written.debugDescription)")
    } else {
      #expect(throws: TokenizationError.self) { try render() }
    }
  }

  @Test(
    "A template that says nothing, or is no template, offers the formats by name",
    arguments: [
      ("{{ messages }}", "it does not write what the user says"), ("", "it does not write"),
      ("{{ bos_token }}<|im_start|><|im_end|>", "it does not write"),
      ("{{ messages | tojson }}", "it does not write"),
      ("{% for m in messages %}\n{{ m.content }}\n", "line 2: expected {% endfor %}"),
      ("\n{% include 'other' %}", "line 2: the tag “include” is not among those"),
      ("{% for m in messages recursive %}{% endfor %}", "recursive loops"),
      ("{{ f(**messages) }}", "unpacked with **"), ("{{ 'x }}", "a string has no end"),
      ("{{ 'x\\N{BULLET}' }}", "an escape that means no character"),
      (String(repeating: "{{ 1 }}", count: 150_000), "bytes"),
      (String(repeating: "(", count: 5000), "it does not write"),
      (
        "{{ " + String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000) + "}}",
        "levels are nested"
      ),
      ("{{ " + String(repeating: "not ", count: 5000) + "x }}", "levels are nested"),
      ("{{ " + String(repeating: "- ", count: 5000) + "1 }}", "levels are nested"),
      ("{{ 1" + String(repeating: " + 1", count: 5000) + " }}", "operations within each other"),
      ("{{ x" + String(repeating: ".a", count: 5000) + " }}", "operations within each other"),
      ("{{ x" + String(repeating: "[0]", count: 5000) + " }}", "operations within each other"),
      (String(repeating: "{% if 1 %}", count: 5000), "levels are nested"),
    ])
  func refused(template: String, reason: String) {
    let error = #expect(throws: TokenizationError.self) {
      try ChatTemplate(text: template, source: "model")
    }
    #expect(error?.source == "model")
    #expect(error?.reason.contains(reason) == true, "\(error.map { "\($0)" } ?? "")")
    #expect(
      error?.reason.contains("--chat-format: chatml, llama-2, llama-3, mistral, gemma, zephyr, phi-3") == true
    )
  }

  @Test(
    "A template that never ends, or writes without end, is stopped", .timeLimit(.minutes(1)),
    arguments: [
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(s=[1]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(s={}) %}{% for i in range(9999) %}{% set n.s = {'a': n.s, 'b': n.s} %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
      "{{ 'x' * 999999999999 }}", "{{ 'xy' * 4611686018427387904 }}", "{{ range(9 ** 9) }}", "{{ 9 ** 99 }}",
      "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}",
      "{{ (-9223372036854775807 - 1) // -1 }}",
      "{{ ('ab' * 999999).replace('a', 'b' * 999999) }}", "{{ ('a' * 999999 + 'b') in ('a' * 9999999) }}",
      "{{ ('a' * 9999999).split('a') | join('b' * 99999) }}", "{{ 'a' | indent(9223372036854775807) + x }}",
      "{{ 'abc'[::9223372036854775807] + 1 }}", "{{ 'abc'[-9223372036854775807:9223372036854775807] + 1 }}",
      "{{ [1, 2] | tojson(indent=9223372036854775807) }}", "{{ 2.5 | round(999) }}",
      "{{ 1e308 * 1e308 | int + x }}",
      "{% set n = namespace() %}{% set n.a = n %}{{ n.a.a.a.b.c }}",
      "{% set d = namespace(d={}) %}{% for i in range(9999) %}{% set d.d = dict(d.d, a=i) %}{% endfor %}{{ x.y }}",
      "{{ {'a': 1}[{}] + 1 }}", "{{ {[1]: 2} }}", "{{ strftime_now('%Q') }}",
      "{% for a in [1] %}{% set b %}{% break %}{% endset %}{% endfor %}", "{{ strftime_now('%') }}",
    ])
  func bounded(template: String) throws {
    let error = #expect(throws: TokenizationError.self) {
      try ChatTemplate(text: "{{ messages[0].content }}" + template, source: "model")
        .render([ChatMessage(.user, "Hi")], Self.specialTexts, addsGenerationPrompt: false)
    }
    #expect(error?.keyPath == "chat_template")
  }

  @Test("What a template refuses is said in its own words, with the line where it failed if it did")
  func refusedConversation() throws {
    func failure(_ text: String, _ messages: [ChatMessage]) -> String? {
      let error = #expect(throws: TokenizationError.self) {
        try ChatTemplate(text: text, source: "model").render(
          messages, Self.specialTexts, addsGenerationPrompt: false)
      }
      return error?.description
    }
    let speaks = [ChatMessage(.system, "Be kind."), ChatMessage(.user, "Hi")]
    let refusing =
      "{% if messages[0].role == 'system' %}{{ raise_exception('No system here') }}{% endif %}{{ messages[-1].content }}"
    #expect(
      failure(refusing, speaks)?.hasPrefix(
        "model: chat_template: the chat template refuses the conversation: No system here; to write") == true)
    #expect(
      failure(
        "{{ messages[-1].content }}\n\n{{ messages[0].content + none if messages | length > 1 }}", speaks)?
        .contains("fails with the conversation: line 3: a string + none has no value") == true)
    let two = [ChatMessage(.user, "a"), ChatMessage(.user, "b")]
    let error = #expect(throws: TokenizationError.self) {
      try ChatTemplate(.mistral).render(two, Self.specialTexts, addsGenerationPrompt: false)
    }
    #expect(error?.description == "chat format mistral: messages[1]: expected the role assistant, found user")
  }
}
