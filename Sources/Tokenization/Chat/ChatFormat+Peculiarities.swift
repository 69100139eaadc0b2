extension ChatFormat {
  /// Why conversations cannot be written as this format where a template has its marks, in words behind "the chat template
  /// is of the format …, but"; nil where nothing is known against it.
  ///
  /// Many templates have the marks of a format and write something else all the same: a first edition that always ends with
  /// the head of an answer, a classifier's prompt, other line ends. What is recognised here was found by running the
  /// templates of some hundred models.
  func peculiarity(of template: TemplateText) -> String? {
    let foreign = ["<think>", "[SYSTEM_PROMPT]", "<|im_sep|>", "<judge>", "Task: ", "guideline"]
    let thinks = self == .chatML && ChatTemplate.writesReasoning(template)
    if let mark = foreign.first(where: { template.contains($0) && !(thinks && $0 == "<think>") }) {
      return "also writes \(mark)"
    }
    if let (end, head) = turnBorder {
      guard template.contains("add_generation_prompt") else {
        return "does not ask whether an answer is to follow"
      }
      if TemplateText.lineEnds.contains(where: { template.contains(end + $0 + head) }) {
        return "writes the head of an answer behind every question"
      }
    }
    return ownPeculiarity(of: template)
  }

  private func ownPeculiarity(of template: TemplateText) -> String? {
    let defaultSystem = ["set system_message = ", "set default_system_message = ", "set system_message="]
      .contains { template.setsText($0, besides: "<<SYS>>") }
    switch self {
    case .chatML:
      if template.contains("eos_token") { return "also ends with EOS" }
      if template.contains("loop.last and add_generation_prompt") { return "leaves the last turn open" }
      if defaultSystem { return "has a default system's text in a variable" }
      return template.endsLines("<|im_end|>") ? nil : "has no line end behind <|im_end|>"
    case .llama3:
      if template.contains("<|begin_of_text|>") { return "writes BOS in its own way" }
      if template.contains("<|start_header_id|>system"), !template.contains("Cutting Knowledge Date") {
        return "writes a system's turn of its own"
      }
      return nil
    case .phi3:
      if template.contains("<|endoftext|>") { return "writes EOS in its own way" }
      let afterQuestions = ["messages[-1]['role'] != 'assistant'", #"messages[-1]["role"] != "assistant""#]
      if afterQuestions.contains(where: template.contains) { return "asks for answers to questions alone" }
      return template.endsLines("<|end|>") && (template.endsLines("<|user|>") || template.endsLines("|>"))
        ? nil : "has no line ends around turns"
    case .zephyr:
      return template.expression(from: "<|user|>", holds: "eos_token") ? nil : "ends questions without EOS"
    case .llama2, .mistral:
      if template.contains("<s>") { return "writes BOS in its own way" }
      if ["eos_token + ' '", #"eos_token + " ""#].contains(where: template.contains) {
        return "has a space behind EOS"
      }
      if defaultSystem { return "has a default system's text" }
      if template.contains("range(0") { return "counts turns in its own way" }
      return joinsSystem(template)
    case .gemma: return joinsSystem(template)
    }
  }

  /// Of formats without a system's turn: that its words are joined to a question with something else than an empty line.
  private func joinsSystem(_ template: TemplateText) -> String? {
    let joins = template.says("== 'system'") && !template.contains("System role not supported")
    return joins && !["\\n\\n", "\n\n"].contains(where: template.contains)
      ? "joins the system's words in its own way" : nil
  }

  /// What ends a turn, and what the model's own begins with; nil where the model's turns have no head.
  private var turnBorder: (end: String, head: String)? {
    switch self {
    case .chatML: ("<|im_end|>", "<|im_start|>assistant")
    case .llama3: ("<|eot_id|>", "<|start_header_id|>assistant")
    case .gemma: ("<end_of_turn>", "<start_of_turn>model")
    case .phi3: ("<|end|>", "<|assistant|>")
    case .zephyr: ("</s>", "<|assistant|>")
    case .llama2, .mistral: nil
    }
  }
}

extension TemplateText {
  /// Whether there is a piece of Jinja, with quotation marks of either kind.
  func says(_ piece: String) -> Bool { contains(piece) || contains(piece.replacing("'", with: "\"")) }

  /// How a line ends in a template, inside a literal or as the next one; or not at all.
  static let lineEnds =
    ["", "' + '", "\" + \"", "'+'", "\"+\""].flatMap { [$0 + "\\n", $0 + "\n"] } + [""]

  /// Whether a line ends behind `part` somewhere.
  func endsLines(_ part: String) -> Bool {
    Self.lineEnds.dropLast().contains { contains(part + $0) }
  }

  /// Whether `assignment`, such as `set x = `, is somewhere followed by a text that is not empty and does not begin with `mark`.
  func setsText(_ assignment: String, besides mark: String) -> Bool {
    ["'", "\""].contains { quote in
      ends(of: assignment + quote).contains { !begins(quote, at: $0) && !begins(mark, at: $0) }
    }
  }

  /// Whether between `start`, wherever it occurs first, and the end of its expression there is `part`.
  func expression(from start: String, holds part: String) -> Bool {
    text(after: start, until: "}}")?.contains(part) ?? false
  }
}
