extension ChatFormat {
  /// The conversation as one text, with its special tokens written out; it is to be encoded without adding more.
  ///
  /// - Parameters:
  ///   - messages: The turns.
  ///   - specialTexts: What is written for BOS and EOS where the format has them.
  ///   - addsGenerationPrompt: Whether the head of the model's next turn comes last, where the format has one.
  /// - Throws: `TokenizationError` if the format cannot write the turns in this order.
  package func render(
    _ messages: [ChatMessage], _ specialTexts: SpecialTexts, addsGenerationPrompt: Bool
  ) throws(TokenizationError) -> String {
    try check(messages)
    switch self {
    case .chatML:
      let turns = messages.map { "<|im_start|>\($0.role.rawValue)\n\($0.content)<|im_end|>\n" }
      return turns.joined() + (addsGenerationPrompt ? "<|im_start|>assistant\n" : "")
    case .llama3:
      let head = { (role: ChatMessage.Role) in "<|start_header_id|>\(role.rawValue)<|end_header_id|>\n\n" }
      let turns = messages.map { head($0.role) + Self.trimmed($0.content) + "<|eot_id|>" }
      return specialTexts.bos + turns.joined() + (addsGenerationPrompt ? head(.assistant) : "")
    case .zephyr:
      let turns = messages.map { "<|\($0.role.rawValue)|>\n\($0.content)\(specialTexts.eos)\n" }
      return turns.joined() + (addsGenerationPrompt ? "<|assistant|>\n" : "")
    case .phi3:
      let turns = messages.map { "<|\($0.role.rawValue)|>\n\($0.content)<|end|>\n" }
      return turns.joined() + (addsGenerationPrompt ? "<|assistant|>\n" : "")
    case .gemma:
      // Gemma has no system role: what the system says stands before the first question.
      let turns = Self.withoutSystem(messages) { "\($0)\n\n\($1)" }.map { message in
        let role = message.role == .assistant ? "model" : "user"
        return "<start_of_turn>\(role)\n\(Self.trimmed(message.content))<end_of_turn>\n"
      }
      return specialTexts.bos + turns.joined() + (addsGenerationPrompt ? "<start_of_turn>model\n" : "")
    case .llama2:
      let turns = Self.withoutSystem(messages) { "<<SYS>>\n\($0)\n<</SYS>>\n\n\($1)" }.map { message in
        message.role == .user
          ? "\(specialTexts.bos)[INST] \(Self.trimmed(message.content)) [/INST]"
          : " \(Self.trimmed(message.content)) \(specialTexts.eos)"
      }
      return turns.joined()
    case .mistral:
      let turns = Self.withoutSystem(messages) { "\($0)\n\n\($1)" }.map { message in
        message.role == .user ? "[INST] \(message.content) [/INST]" : " \(message.content)\(specialTexts.eos)"
      }
      return specialTexts.bos + turns.joined()
    }
  }

  /// Checks that the format can write the turns: in most, question and answer take turns after the system's words.
  private func check(_ messages: [ChatMessage]) throws(TokenizationError) {
    var turns = messages[...]
    if turns.first?.role == .system { turns = turns.dropFirst() }
    for (index, message) in zip(messages.indices.suffix(turns.count), turns) {
      let expected: ChatMessage.Role = (index - turns.startIndex).isMultiple(of: 2) ? .user : .assistant
      let isFree: Bool =
        switch self {
        case .chatML, .llama3, .zephyr, .phi3: true
        case .llama2, .mistral, .gemma: false
        }
      guard isFree || message.role == expected else {
        throw TokenizationError(
          source: "chat format \(rawValue)", keyPath: "messages[\(index)]",
          reason: "expected the role \(expected.rawValue), found \(message.role.rawValue)")
      }
    }
  }

  /// The turns with the system's words joined to the first of the others; words without a turn to join are dropped.
  private static func withoutSystem(
    _ messages: [ChatMessage], _ join: (_ system: String, _ content: String) -> String
  ) -> [ChatMessage] {
    guard let system = messages.first, system.role == .system else { return messages }
    var rest = Array(messages.dropFirst())
    if let first = rest.first { rest[0].content = join(system.content, first.content) }
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
