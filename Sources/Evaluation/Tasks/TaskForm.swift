internal import Storage

/// The forms that questions have in files of JSON objects, one a line.
enum TaskForm: Sendable, CaseIterable {
  /// llm-foundry: `query`, `choices`, `gold`.
  case foundryChoices
  /// llm-foundry: `context_options`, `continuation`, `gold`.
  case foundrySchema
  /// llm-foundry: `context`, `continuation`.
  case foundryContinuation
  /// BoolQ: `passage`, `question`, and `answer`, or in SuperGLUE `label`; `title` where it stands apart.
  case boolQ
  /// RTE in SuperGLUE: `premise`, `hypothesis`, `label`.
  case rte
  /// HellaSwag: `activity_label`, `ctx_a`, `ctx_b`, `endings`, `label`.
  case hellaSwag
  /// WinoGrande: `sentence`, `option1`, `option2`, `answer`.
  case winoGrande
  /// ARC and OpenBookQA: `question` that holds `stem` and `choices`, or `question` and `choices`; `answerKey`.
  case exam
  /// OpenBookQA: `question_stem`, `choices`, `answerKey`.
  case openBookQA
  /// PIQA: `goal`, `sol1`, `sol2`, and `label` here or in a file of labels beside.
  case piqa
  /// LAMBADA: `text`.
  case text

  /// What every object of this form has.
  private var keys: [String] {
    switch self {
    case .foundryChoices: ["query", "choices", "gold"]
    case .foundrySchema: ["context_options", "continuation", "gold"]
    case .foundryContinuation: ["context", "continuation"]
    case .boolQ: ["passage", "question"]
    case .rte: ["premise", "hypothesis", "label"]
    case .hellaSwag: ["activity_label", "ctx_a", "ctx_b", "endings", "label"]
    case .winoGrande: ["sentence", "option1", "option2", "answer"]
    case .exam: ["question", "answerKey"]
    case .openBookQA: ["question_stem", "choices", "answerKey"]
    case .piqa: ["goal", "sol1", "sol2"]
    case .text: ["text"]
    }
  }

  /// The form of an object; nil if it is none of these.
  init?(_ value: JSONValue) {
    guard let form = Self.allCases.first(where: { $0.keys.allSatisfy { value[$0] != nil } }) else {
      return nil
    }
    self = form
  }

  /// The tasks whose questions have this form.
  var tasks: Set<ZeroShotTask> {
    switch self {
    case .foundryChoices: [.boolq, .hellaswag, .arcEasy, .arcChallenge, .openBookQA, .piqa]
    case .foundrySchema, .winoGrande: [.winogrande]
    case .foundryContinuation, .text: [.lambada]
    case .boolQ: [.boolq]
    case .rte: [.rte]
    case .hellaSwag: [.hellaswag]
    case .exam: [.arcEasy, .arcChallenge, .openBookQA]
    case .openBookQA: [.openBookQA]
    case .piqa: [.piqa]
    }
  }

  /// Whether other data than the task's may well look the same, so that the file's name must say the task.
  var isGeneric: Bool {
    switch self {
    case .text, .foundryContinuation: true
    default: tasks.count > 1
    }
  }

  /// The question that a record is.
  ///
  /// - Parameter label: the right answer where it stands apart.
  func item(_ record: TaskRecord, _ task: ZeroShotTask, label: Int?) throws -> TaskItem {
    switch self {
    case .foundryChoices: try Self.foundryItem(record, task)
    case .foundrySchema:
      .winoGrande(
        contexts: try record.strings("context_options"), rest: try record.string("continuation"),
        gold: try record.integer("gold"))
    case .foundryContinuation:
      .lastWord(of: try record.string("context") + " " + record.string("continuation"))
    case .boolQ: try Self.boolQItem(record)
    case .rte:
      .rte(
        premise: try record.string("premise"), hypothesis: try record.string("hypothesis"),
        isEntailed: try !record.truth("label", words: (yes: "not_entailment", no: "entailment")))
    case .hellaSwag:
      .hellaSwag(
        activity: try record.string("activity_label"), context: try record.string("ctx_a"),
        opening: try record.string("ctx_b"), endings: try record.strings("endings"),
        gold: try record.integer("label"))
    case .winoGrande: try Self.winoGrandeItem(record)
    case .exam: try Self.examItem(record, task)
    case .openBookQA:
      try Self.examItem(
        record, stem: try record.string("question_stem"), record.value["choices"], task)
    case .piqa:
      .question(
        try record.string("goal"), answers: [try record.string("sol1"), try record.string("sol2")],
        gold: try label ?? record.integer("label"))
    case .text: .lastWord(of: try record.string("text"))
    }
  }

  /// llm-foundry puts the words of its own prompts around the questions.
  private static func foundryItem(_ record: TaskRecord, _ task: ZeroShotTask) throws -> TaskItem {
    var query = try record.string("query")[...]
    if query.utf8.last == UInt8(ascii: "\n") { query.removeLast() }
    let answers = try record.strings("choices")
    let gold = try record.integer("gold")
    switch task {
    case .boolq:
      guard let (passage, question) = passageAndQuestion(query), answers.indices.contains(gold),
        answers == ["no", "yes"] || answers == ["yes", "no"]
      else {
        throw record.error(
          "expected \"Passage: …\\nQuestion: …?\" in \"query\", no and yes in \"choices\", and one of them in \"gold\""
        )
      }
      return .boolQ(passage: passage, question: question, isTrue: answers[gold] == "yes")
    case .openBookQA, .hellaswag:
      return TaskItem(context: String(query), answers: answers, gold: gold)
    default:
      let prefix = "Question: "
      if query.hasPrefix(prefix) { query = query.dropFirst(prefix.count) }
      return .question(String(query), answers: answers, gold: gold)
    }
  }

  private static func passageAndQuestion(_ query: Substring) -> (passage: String, question: String)? {
    let (before, between) = ("Passage: ", "\nQuestion: ")
    guard query.hasPrefix(before), query.hasSuffix("?"), let middle = query.ranges(of: between).last else {
      return nil
    }
    let passage = query[..<middle.lowerBound].dropFirst(before.count)
    return (String(passage), String(query[middle.upperBound...].dropLast()))
  }

  private static func boolQItem(_ record: TaskRecord) throws -> TaskItem {
    let passage = try record.string("passage")
    // SuperGLUE's passages, which the harness takes, begin so.
    let title = record.value["title"] == nil ? "" : try record.string("title") + " -- "
    return .boolQ(
      passage: title + passage, question: try record.string("question"),
      isTrue: try record.truth(record.value["answer"] == nil ? "label" : "answer"))
  }

  private static func winoGrandeItem(_ record: TaskRecord) throws -> TaskItem {
    let sentence = try record.string("sentence")
    let answer = try record.integer("answer")
    guard answer == 1 || answer == 2 else {
      throw record.error("expected 1 or 2 in \"answer\", found \(answer)")
    }
    let item = TaskItem.winoGrande(
      sentence: sentence, options: [try record.string("option1"), try record.string("option2")],
      gold: answer - 1)
    guard let item else { throw record.error("expected a gap, _, in \"sentence\", found \"\(sentence)\"") }
    return item
  }

  private static func examItem(_ record: TaskRecord, _ task: ZeroShotTask) throws -> TaskItem {
    guard let question = record.value["question"], question.kind == .object else {
      return try examItem(record, stem: try record.string("question"), record.value["choices"], task)
    }
    guard let stem = question["stem"]?.string else {
      throw record.error("expected a string in \"question\", or in its member \"stem\"")
    }
    return try examItem(record, stem: stem, question["choices"], task)
  }

  private static func examItem(
    _ record: TaskRecord, stem: String, _ choices: JSONValue?, _ task: ZeroShotTask
  ) throws -> TaskItem {
    let (answers, gold) = try record.labelledAnswers(choices)
    return task == .openBookQA
      ? TaskItem(context: stem, answers: answers, gold: gold)
      : .question(stem, answers: answers, gold: gold)
  }
}
