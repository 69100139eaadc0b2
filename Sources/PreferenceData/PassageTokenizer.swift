package import Tokenization
package import Transformer

/// Passages as a model's tokens: a text as it stands, a conversation in the model's chat format.
package struct PassageTokenizer: Sendable {
  /// The model's tokenizer.
  package let tokenizer: Tokenizer
  private let template: Result<ChatTemplate, any Error>

  /// The tokenizer of `model`.
  ///
  /// That it cannot write conversations is no error before there is one.
  ///
  /// - Parameter chatFormat: takes the place of the model's own chat template.
  package init(_ model: Model, chatFormat: ChatFormat? = nil) throws {
    tokenizer = try model.tokenizer()
    template = Result { try model.chatTemplate(chatFormat) }
  }

  /// How conversations are written.
  ///
  /// - Throws: where the model has no chat template, or it cannot be read.
  package func chatTemplate() throws -> ChatTemplate { try template.get() }

  /// The text that is tokenized.
  ///
  /// - Parameter addsGenerationPrompt: Whether a conversation ends with the head of the model's next turn.
  /// - Throws: where a conversation cannot be written; what names the message at fault is a `TokenizationError`.
  package func text(_ passage: Passage, addsGenerationPrompt: Bool = false) throws -> String {
    switch passage {
    case .text(let text): return text
    case .messages(let messages):
      let turns = try messages.enumerated().map { index, message in
        guard let role = Tokenization.ChatMessage.Role(rawValue: message.role) else {
          let roles = Tokenization.ChatMessage.Role.allCases.map(\.rawValue).joined(separator: ", ")
          throw TokenizationError(
            source: "the conversation", keyPath: "messages[\(index)]",
            reason: "expected one of the roles \(roles), found “\(message.role.prefix(40))”")
        }
        return Tokenization.ChatMessage(role, message.content)
      }
      return try chatTemplate().render(
        turns, tokenizer.specialTexts, addsGenerationPrompt: addsGenerationPrompt)
    }
  }

  /// The ids of a passage, at most `limit`.
  ///
  /// A text gets the tokens that the tokenizer's settings put around it; a conversation has written its own.
  package func encode(
    _ passage: Passage, limit: Int = .max, addsGenerationPrompt: Bool = false
  ) throws -> [Int32] {
    let text = try text(passage, addsGenerationPrompt: addsGenerationPrompt)
    switch passage {
    case .text: return try tokenizer.encode(text, limit: limit)
    case .messages: return Array(try tokenizer.encode(text, addSpecialTokens: false).prefix(limit))
    }
  }
}
