/// One question of a task: candidates to be scored, and which of them is right.
package struct TaskItem: Sendable, Equatable {
  /// A continuation and the text before it.
  package struct Candidate: Sendable, Equatable {
    /// What the model reads first.
    package let context: String
    /// What is scored.
    package let continuation: String
    /// Bytes of the answer in UTF-8, without what joins it to the context.
    package let byteLength: Int
  }

  /// All that are compared; one for LAMBADA.
  package let candidates: [Candidate]
  /// Index of the right one.
  package let gold: Int
}

/// The prompts of lm-evaluation-harness, byte for byte.
extension TaskItem {
  /// Answers that follow the same context.
  init(context: String, answers: [String], gold: Int) {
    candidates = answers.map {
      Candidate(context: context, continuation: " " + $0, byteLength: $0.utf8.count)
    }
    self.gold = gold
  }

  /// BoolQ, with SuperGLUE's passages, which begin with the article's title.
  static func boolQ(passage: String, question: String, isTrue: Bool) -> TaskItem {
    TaskItem(
      context: "\(passage)\nQuestion: \(question)?\nAnswer:", answers: ["no", "yes"], gold: isTrue ? 1 : 0)
  }

  /// RTE.
  static func rte(premise: String, hypothesis: String, isEntailed: Bool) -> TaskItem {
    TaskItem(
      context: "\(premise)\nQuestion: \(hypothesis) True or False?\nAnswer:", answers: ["True", "False"],
      gold: isEntailed ? 0 : 1)
  }

  /// HellaSwag.
  ///
  /// - Parameters:
  ///   - context: whole sentences.
  ///   - opening: the beginning of the sentence that the endings finish; empty where they are sentences themselves.
  static func hellaSwag(activity: String, context: String, opening: String, endings: [String], gold: Int)
    -> TaskItem
  {
    TaskItem(
      context: PythonText.withoutMarkup("\(activity): \(context) \(PythonText.capitalized(opening))"),
      answers: endings.map(PythonText.withoutMarkup), gold: gold)
  }

  /// WinoGrande, by partial scoring: the words after the gap, once after each option; nil without a gap, `_`.
  static func winoGrande(sentence: String, options: [String], gold: Int) -> TaskItem? {
    guard let gap = sentence.utf8.firstIndex(of: UInt8(ascii: "_")) else { return nil }
    let rest = PythonText.stripped(String(sentence[sentence.utf8.index(after: gap)...]))
    return winoGrande(contexts: options.map { String(sentence[..<gap]) + $0 }, rest: rest, gold: gold)
  }

  /// WinoGrande with the options filled in.
  static func winoGrande(contexts: [String], rest: String, gold: Int) -> TaskItem {
    TaskItem(
      candidates: contexts.map {
        Candidate(context: $0, continuation: " " + rest, byteLength: rest.utf8.count)
      }, gold: gold)
  }

  /// ARC and PIQA.
  static func question(_ question: String, answers: [String], gold: Int) -> TaskItem {
    TaskItem(context: "Question: \(question)\nAnswer:", answers: answers, gold: gold)
  }

  /// LAMBADA: the last word of `text`, which begins at the last space.
  static func lastWord(of text: String) -> TaskItem {
    let space = text.utf8.lastIndex(of: UInt8(ascii: " "))
    let word = space.map { text[text.utf8.index(after: $0)...] } ?? text[...]
    return TaskItem(
      candidates: [
        Candidate(
          context: space.map { String(text[..<$0]) } ?? "", continuation: " " + word,
          byteLength: word.utf8.count)
      ], gold: 0)
  }
}
