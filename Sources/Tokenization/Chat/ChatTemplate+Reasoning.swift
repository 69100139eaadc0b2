/// How Qwen3 writes answers: what a model thought before the last of them is kept, and what it thought earlier is not.
extension ChatTemplate {
  /// Whether a template does so, word for word, and leaves it to the model whether to think where an answer is asked for.
  static func writesReasoning(_ template: TemplateText) -> Bool {
    let answer =
      #"'\n<think>\n' + reasoning_content.strip('\n') + '\n</think>\n\n' + content.lstrip('\n')"#
    return [answer, "last_query_index", "not loop.last and reasoning_content", "enable_thinking is false"]
      .allSatisfy(template.contains) && !template.contains(#"<|im_start|>assistant\n<think>"#)
  }

  /// The answers as they are written; other turns stay as they are.
  static func withReasoning(_ messages: [ChatMessage]) -> [ChatMessage] {
    let lastQuestion =
      messages.lastIndex {
        $0.role == .user
          && !($0.content.hasPrefix("<tool_response>") && $0.content.hasSuffix("</tool_response>"))
      } ?? messages.count - 1
    return messages.enumerated().map { index, message in
      guard message.role == .assistant else { return message }
      let (reasoning, content) = split(message.content)
      guard index > lastQuestion, index == messages.count - 1 || !reasoning.isEmpty else {
        return ChatMessage(message.role, content)
      }
      return ChatMessage(
        message.role,
        "<think>\n\(withoutLineEnds(reasoning))\n</think>\n\n\(withoutLineEnds(content, after: false))")
    }
  }

  /// What stands within `<think>` and `</think>`, and behind it.
  private static func split(_ content: String) -> (reasoning: String, content: String) {
    let parts = content.split(separator: "</think>", omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, let last = parts.last else { return ("", content) }
    let thought =
      withoutLineEnds(String(first), before: false)
      .split(separator: "<think>", omittingEmptySubsequences: false).last.map(String.init) ?? ""
    return (withoutLineEnds(thought, after: false), withoutLineEnds(String(last), after: false))
  }

  /// `text` without the line feeds before and after it.
  private static func withoutLineEnds(_ text: String, before: Bool = true, after: Bool = true) -> String {
    var rest = text.unicodeScalars[...]
    while before, rest.first == "\n" { rest = rest.dropFirst() }
    while after, rest.last == "\n" { rest = rest.dropLast() }
    return String(rest)
  }
}
