internal import Storage

extension Passage {
  /// A string, or a list of messages with `role` and `content`.
  init(
    _ value: JSONValue, named name: String, in file: DataFile, line: Int
  ) throws(PreferenceDataError) {
    if let text = value.string {
      self = .text(text)
      return
    }
    guard value.kind == .array else {
      throw file.error(line, "“\(name)”: expected a text or a list of messages, found \(value.describe)")
    }
    var messages: [ChatMessage] = []
    for (index, element) in value.elements.enumerated() {
      guard let role = element["role"]?.string, let content = element["content"]?.string else {
        throw file.error(
          line, "“\(name)”, message \(index + 1): expected an object with the texts “role” and “content”")
      }
      messages.append(ChatMessage(role: role, content: content))
    }
    self = .messages(messages)
  }
}
