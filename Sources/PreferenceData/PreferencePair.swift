/// One turn of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks, as the data says: usually `system`, `user` or `assistant`.
  public let role: String
  /// What is said.
  public let content: String

  /// A message from its parts.
  public init(role: String, content: String) {
    (self.role, self.content) = (role, content)
  }

  /// Equality by bytes.
  func isIdentical(to other: ChatMessage) -> Bool {
    role.utf8.elementsEqual(other.role.utf8) && content.utf8.elementsEqual(other.content.utf8)
  }
}

/// A piece of a pair as the data has it.
public enum Passage: Sendable, Hashable {
  /// Plain text, ready for a tokenizer.
  case text(String)
  /// A conversation, which becomes a text only through a model's chat template.
  case messages([ChatMessage])

  /// The text, or nil for a conversation.
  public var text: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// Whether there is nothing but white space in the text, or in the last message.
  var isBlank: Bool {
    switch self {
    case .text(let text): text.allSatisfy(\.isWhitespace)
    case .messages(let messages): messages.last?.content.allSatisfy(\.isWhitespace) ?? true
    }
  }

  /// Equality by bytes; `==` on strings would call texts equal that a tokenizer tells apart.
  func isIdentical(to other: Passage) -> Bool {
    switch (self, other) {
    case (.text(let one), .text(let two)): one.utf8.elementsEqual(two.utf8)
    case (.messages(let one), .messages(let two)):
      one.elementsEqual(two) { $0.isIdentical(to: $1) }
    default: false
    }
  }
}

/// The two sides of a pair.
public enum PreferenceSide: String, Sendable, CaseIterable {
  /// What a model should write.
  case chosen
  /// What it should not.
  case rejected
}

/// Two answers to one prompt, one of them preferred.
public struct PreferencePair: Sendable, Hashable {
  /// What both sides continue; nil where they are whole texts, or whole conversations.
  public let prompt: Passage?
  /// The preferred side: the non-toxic one.
  public let chosen: Passage
  /// The other side: the toxic one.
  public let rejected: Passage
  /// The line of the file it starts on, counted from 1.
  public let line: Int

  /// A pair from its parts.
  public init(prompt: Passage? = nil, chosen: Passage, rejected: Passage, line: Int = 1) {
    (self.prompt, self.chosen, self.rejected, self.line) = (prompt, chosen, rejected, line)
  }

  /// One side.
  public subscript(side: PreferenceSide) -> Passage { side == .chosen ? chosen : rejected }

  /// The whole text of a side: the prompt, if there is one, and the side right behind it, nothing between.
  ///
  /// Nil when a part is a conversation: which text that is depends on a model's chat template.
  public func text(of side: PreferenceSide) -> String? { passage(of: side).text }

  /// The whole of a side: prompt and side as one text, or as one conversation where either is one.
  ///
  /// In a conversation, a prompt that is a text is what the user says, a side that is a text what the assistant answers.
  /// A side that holds the prompt already is not given it twice.
  public func passage(of side: PreferenceSide) -> Passage {
    let end = self[side]
    switch (prompt, end) {
    case (nil, _): return end
    case (.text(let start), .text(let end)): return .text(start + end)
    case (.text(let start), .messages(let end)):
      let question = ChatMessage(role: "user", content: start)
      return .messages(end.contains { $0.isIdentical(to: question) } ? end : [question] + end)
    case (.messages(let start), .text(let end)):
      return .messages(start + [ChatMessage(role: "assistant", content: end)])
    case (.messages(let start), .messages(let end)):
      let isWhole = end.count >= start.count && zip(start, end).allSatisfy { $0.isIdentical(to: $1) }
      return .messages(isWhole ? end : start + end)
    }
  }
}
