extension ChatTemplate {
  /// The conversation as one text, with its special tokens written out; it is to be encoded without adding more.
  ///
  /// - Parameters:
  ///   - messages: The turns.
  ///   - specialTexts: What is written for BOS and EOS where the template has them.
  ///   - addsGenerationPrompt: Whether the head of the model's next turn comes last, where the format has one.
  /// - Throws: `TokenizationError` if the format cannot write the turns in this order.
  package func render(
    _ messages: [ChatMessage], _ specialTexts: SpecialTexts, addsGenerationPrompt: Bool
  ) throws(TokenizationError) -> String {
    try check(messages)
    var text = writesBOS ? specialTexts.bos : ""
    text += turns(messages, specialTexts).joined()
    if addsGenerationPrompt { text += generationPrompt } else if closesWithEOS { text += specialTexts.eos }
    return text
  }

  private func turns(_ messages: [ChatMessage], _ specialTexts: SpecialTexts) -> [String] {
    switch format {
    case .chatML:
      let greeting = messages.first?.role == .system ? nil : defaultSystem.map { ChatMessage(.system, $0) }
      let turns = [greeting].compactMap(\.self) + messages
      return (writesReasoning ? Self.withReasoning(turns) : turns).map {
        "<|im_start|>\($0.role.rawValue)\n\($0.content)<|im_end|>\n"
      }
    case .llama3:
      var turns =
        trimsTurns ? messages.map { ChatMessage($0.role, Self.trimmed($0.content)) } : messages
      if !systemPreamble.isEmpty {
        if turns.first?.role != .system { turns.insert(ChatMessage(.system, ""), at: 0) }
        turns[0].content = systemPreamble + turns[0].content
      }
      return turns.map {
        "<|start_header_id|>\($0.role.rawValue)<|end_header_id|>\n\n\($0.content)<|eot_id|>"
      }
    case .zephyr: return messages.map { "<|\($0.role.rawValue)|>\n\($0.content)\(specialTexts.eos)\n" }
    case .phi3:
      return messages.filter { !dropsEmptySystem || $0.role != .system || !$0.content.isEmpty }.map {
        "<|\($0.role.rawValue)|>\n\($0.content)<|end|>\n"
      }
    case .gemma:
      let trimmed = messages.map { $0.role == .system ? $0 : ChatMessage($0.role, Self.trimmed($0.content)) }
      // Gemma has no system role: what the system says stands before the first question.
      return Self.withoutSystem(trimmed) { "\($0)\n\n\($1)" }.map { message in
        "<start_of_turn>\(message.role == .assistant ? "model" : "user")\n\(message.content)<end_of_turn>\n"
      }
    case .llama2:
      return Self.withoutSystem(messages) {
        "<<SYS>>\n\(trimsSystem ? Self.trimmed($0) : $0)\n<</SYS>>\n\n\($1)"
      }.map { message in
        message.role == .user
          ? "\(specialTexts.bos)[INST] \(Self.trimmed(message.content)) [/INST]"
          : " \(Self.trimmed(message.content)) \(specialTexts.eos)"
      }
    case .mistral:
      return Self.withoutSystem(messages, joinsLast: systemJoinsLast) { "\($0)\n\n\($1)" }.map { message in
        message.role == .user
          ? "\(questionLead)[INST]\(questionSpace.before)\(message.content)\(questionSpace.after)[/INST]"
          : answerSpace + (trimsAnswers ? Self.trimmed(message.content) : message.content) + specialTexts.eos
      }
    }
  }

  /// The head of the model's next turn, which two of the formats do not have.
  private var generationPrompt: String {
    switch format {
    case .chatML: "<|im_start|>assistant\n"
    case .llama3: "<|start_header_id|>assistant<|end_header_id|>\n\n"
    case .zephyr, .phi3: "<|assistant|>\n"
    case .gemma: "<start_of_turn>model\n"
    case .llama2, .mistral: ""
    }
  }

  /// Checks that the format can write the turns: in some, question and answer take turns after the system's words.
  private func check(_ messages: [ChatMessage]) throws(TokenizationError) {
    guard [.llama2, .mistral, .gemma].contains(format) else { return }
    let turns = messages.first?.role == .system ? messages.dropFirst() : messages[...]
    for (index, message) in zip(turns.indices, turns) {
      let expected: ChatMessage.Role = (index - turns.startIndex).isMultiple(of: 2) ? .user : .assistant
      guard message.role == expected else {
        throw TokenizationError(
          source: "chat format \(format.rawValue)", keyPath: "messages[\(index)]",
          reason: "expected the role \(expected.rawValue), found \(message.role.rawValue)")
      }
    }
  }

  /// The turns with the system's words joined to one of the others; words without a turn to join are dropped.
  private static func withoutSystem(
    _ messages: [ChatMessage], joinsLast: Bool = false,
    _ join: (_ system: String, _ content: String) -> String
  ) -> [ChatMessage] {
    guard let system = messages.first, system.role == .system else { return messages }
    var rest = Array(messages.dropFirst())
    guard !rest.isEmpty else { return [] }
    let index = joinsLast ? rest.count - 1 : 0
    if rest[index].role == .user { rest[index].content = join(system.content, rest[index].content) }
    return rest
  }

  /// `text` without white space at its ends, as Jinja's filter `trim` leaves it.
  private static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    // Python's idea of white space: Unicode's, and the four separators of ASCII.
    let isSpace = { (scalar: Unicode.Scalar) in
      scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
    guard let first = scalars.firstIndex(where: { !isSpace($0) }),
      let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(scalars[first...last])
  }
}
