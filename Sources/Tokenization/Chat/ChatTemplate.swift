/// A model's way of writing conversations: its chat template, which is a program in Jinja.
///
/// Tools are never written. A date that a template would take from the clock is always 26 July 2024, so that what is written
/// today is what was written yesterday.
package struct ChatTemplate: Sendable {
  /// What it is, behind “written”: in a format, or with the model's own template.
  package let name: String
  private let template: Result<JinjaTemplate, JinjaError>
  private let source: String
  /// Whether it stands for a model's own.
  private let isFormat: Bool

  /// The format without any model's own habits.
  package init(_ format: ChatFormat) {
    name = "in the chat format \(format.rawValue)"
    template = Self.read(format.template)
    source = "chat format \(format.rawValue)"
    isFormat = true
  }

  /// A model's template.
  ///
  /// - Parameters:
  ///   - text: The template, from `tokenizer_config.json`, `chat_template.jinja` or `tokenizer.chat_template`.
  ///   - source: What it was read from, for messages.
  /// - Throws: `TokenizationError` offering the formats there are, if the template cannot be read, or does not write what is
  ///   said to it.
  package init(text: String, source: String) throws(TokenizationError) {
    name = "with the model's chat template"
    template = Self.read(text)
    self.source = source
    isFormat = false
    if case .failure(let error) = template { throw refusal("cannot be read", error) }
    // With a line end, which a template that shows values for debugging would write in another way.
    let question = "Is 3 × 3\nnine?"
    let said = try? written([ChatMessage(.user, question)], SpecialTexts(bos: "<s>", eos: "</s>"), true)
    // A template that fails with this conversation may write others, and says why with each that it does not.
    guard said?.utf8.firstRange(of: question.utf8) != nil || said == nil else {
      throw refusal("is of no known kind", JinjaError("it does not write what the user says"))
    }
  }

  private static func read(_ text: String) -> Result<JinjaTemplate, JinjaError> {
    do { return .success(try JinjaTemplate(text)) } catch { return .failure(error) }
  }

  private func refusal(_ what: String, _ error: JinjaError) -> TokenizationError {
    let line = error.line > 0 && !error.isRaised ? "line \(error.line): " : ""
    return isFormat
      ? TokenizationError(source: source, reason: line + error.reason)
      : TokenizationError(
        source: source, keyPath: "chat_template",
        reason: "the chat template \(what): \(line)\(error.reason); "
          + "to write conversations in another way, name a format with --chat-format: \(ChatFormat.names)")
  }

  /// The conversation as one text, with its special tokens written out; it is to be encoded without adding more.
  ///
  /// - Parameters:
  ///   - messages: The turns.
  ///   - specialTexts: What is written for BOS and EOS where the template has them.
  ///   - addsGenerationPrompt: Whether the head of the model's next turn comes last, where the template has one.
  /// - Throws: `TokenizationError` if the template refuses the turns, or fails with them.
  package func render(
    _ messages: [ChatMessage], _ specialTexts: SpecialTexts, addsGenerationPrompt: Bool
  ) throws(TokenizationError) -> String {
    do {
      return try written(messages, specialTexts, addsGenerationPrompt)
    } catch {
      throw refusal(error.isRaised ? "refuses the conversation" : "fails with the conversation", error)
    }
  }

  private func written(
    _ messages: [ChatMessage], _ specialTexts: SpecialTexts, _ addsGenerationPrompt: Bool
  ) throws(JinjaError) -> String {
    var turns: [JinjaValue] = []
    for message in messages {
      var turn = JinjaDictionary()
      try turn.set(.string("role"), .string(message.role.rawValue))
      try turn.set(.string("content"), .string(message.content))
      turns.append(.dictionary(turn))
    }
    var values: [String: JinjaValue] = [
      "messages": try .list(turns), "tools": .none, "documents": .none,
      "add_generation_prompt": .bool(addsGenerationPrompt),
    ]
    // What a tokenizer does not have is not defined.
    if !specialTexts.bos.isEmpty { values["bos_token"] = .string(specialTexts.bos) }
    if !specialTexts.eos.isEmpty { values["eos_token"] = .string(specialTexts.eos) }
    let size = messages.reduce(0) { $0 + $1.content.utf8.count }
    return try template.get().render(values, work: 5_000_000 + 20 * size + 2000 * messages.count)
  }

  /// The texts of the tokens that begin and end a text, for the templates that write them.
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
  package var specialTexts: ChatTemplate.SpecialTexts {
    func text(_ id: Int32?) -> String {
      id.map { String(decoding: vocabulary.texts[Int($0)], as: UTF8.self) } ?? ""
    }
    return ChatTemplate.SpecialTexts(bos: text(bosID), eos: text(eosID))
  }
}
