internal import Storage

/// One JSON object of a task file, with the line it stands on for messages.
struct TaskRecord {
  /// The object.
  let value: JSONValue
  /// File and line.
  let place: String

  /// An error at this record.
  func error(_ reason: String) -> EvaluationError { EvaluationError(place, reason) }

  /// A member that must be a string.
  func string(_ key: String) throws -> String {
    guard let text = value[key]?.string else { throw expected("a string", key) }
    return text
  }

  /// A member that must be an array of strings.
  func strings(_ key: String) throws -> [String] {
    guard let texts = Self.strings(value[key]) else { throw expected("an array of strings", key) }
    return texts
  }

  /// A member that must be an integer, or a string of one.
  func integer(_ key: String) throws -> Int {
    guard let member = value[key], let number = member.int ?? member.string.flatMap({ Int($0) }) else {
      throw expected("an integer", key)
    }
    return number
  }

  /// A member that must be `true`, `false`, 1, 0, or one of two words.
  func truth(_ key: String, words: (yes: String, no: String)? = nil) throws -> Bool {
    guard let member = value[key] else { throw expected("a label", key) }
    if let bool = member.bool { return bool }
    if let words, let text = member.string, text == words.yes || text == words.no { return text == words.yes }
    switch try integer(key) {
    case 0: return false
    case 1: return true
    default: throw expected("0 or 1", key)
    }
  }

  /// The answers and the right one's index, of ARC and OpenBookQA in either of their forms:
  /// `[{"text": …, "label": …}, …]` or `{"text": [...], "label": [...]}`, with `answerKey` one of the labels.
  func labelledAnswers(_ choices: JSONValue?) throws -> (answers: [String], gold: Int) {
    let key = try string("answerKey")
    let pairs = choices?.elements.map { ($0["text"]?.string, $0["label"]?.string) } ?? []
    let answers: [String]? =
      pairs.isEmpty ? Self.strings(choices?["text"]) : Self.all(pairs.map(\.0))
    let labels: [String]? =
      pairs.isEmpty ? Self.strings(choices?["label"]) : Self.all(pairs.map(\.1))
    guard let answers, let labels, answers.count == labels.count else {
      throw expected("answers with \"text\" and \"label\"", "choices")
    }
    guard let gold = labels.firstIndex(of: PythonText.stripped(key)) else {
      throw error("\"answerKey\" is \"\(key)\", which is none of the labels \(labels.prefix(8))")
    }
    return (answers, gold)
  }

  private func expected(_ what: String, _ key: String) -> EvaluationError {
    error("expected \(what) in \"\(key)\", found \(value[key]?.describe ?? "no such member")")
  }

  private static func strings(_ value: JSONValue?) -> [String]? {
    value?.kind == .array ? all(value?.elements.map(\.string) ?? []) : nil
  }

  private static func all(_ texts: [String?]) -> [String]? {
    let present = texts.compactMap(\.self)
    return present.count == texts.count ? present : nil
  }
}
