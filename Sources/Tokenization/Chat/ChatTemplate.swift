/// A model's way of writing conversations: a format, and the habits that its template has within the format.
///
/// Chat templates are programs in Jinja. They are not run: format and habits are recognised from the template's text.
/// Tools are never written, and a date that a template would take from the clock is the one it falls back to.
package struct ChatTemplate: Sendable {
  /// Bytes beyond which a text is no template.
  private static let lengthLimit = 1 << 20

  /// The format.
  package let format: ChatFormat
  /// Whether BOS comes first; Llama 2 writes it before every question.
  var writesBOS: Bool
  /// Whether EOS comes last where no turn of the model is asked for.
  var closesWithEOS = false
  /// What the system says where a conversation does not begin with it.
  var defaultSystem: String?
  /// What comes before the system's words, said or not.
  var systemPreamble = ""
  /// What stands inside the brackets of Mistral's format, before and after a question.
  var questionSpace = (before: " ", after: " ")
  /// What stands before an answer in Mistral's format.
  var answerSpace = " "
  /// What stands before the opening bracket of Mistral's format.
  var questionLead = ""
  /// Whether answers lose the white space at their ends in Mistral's format, where they do not by themselves.
  var trimsAnswers = false
  /// Whether the system's words lose it in Llama 2's.
  var trimsSystem = false
  /// Whether turns lose it in Llama 3's.
  var trimsTurns = true
  /// Whether answers are written with what the model thought before, as Qwen3's are.
  var writesReasoning = false
  /// Whether a system that says nothing has no turn.
  var dropsEmptySystem = false
  /// Whether the system's words join the last turn, and are dropped where that is an answer.
  var systemJoinsLast = false

  /// The format without any model's own habits.
  package init(_ format: ChatFormat) {
    self.format = format
    writesBOS = [.llama3, .gemma, .mistral].contains(format)
  }

  /// The format and habits of a template.
  ///
  /// - Parameters:
  ///   - text: The template, from `tokenizer_config.json`, `chat_template.jinja` or `tokenizer.chat_template`.
  ///   - source: What it was read from, for messages.
  /// - Throws: `TokenizationError` offering the formats there are, if the template is not of a known one, or writes
  ///   something that is not among its habits here.
  package init(text: String, source: String) throws(TokenizationError) {
    let template = TemplateText(text)
    func refusal(_ reason: String) -> TokenizationError {
      TokenizationError(
        source: source, keyPath: "chat_template",
        reason: "\(reason); name the closest with --chat-format: \(ChatFormat.names)")
    }
    guard text.utf8.count <= Self.lengthLimit, let format = ChatFormat(writtenBy: template) else {
      throw refusal("the chat template is not of a known format")
    }
    if let reason = format.peculiarity(of: template) {
      throw refusal("the chat template is of the format \(format.rawValue) but \(reason)")
    }
    self.init(format)
    writesBOS = format != .llama2 && template.contains("bos_token")
    switch format {
    case .chatML:
      writesReasoning = Self.writesReasoning(template)
      defaultSystem =
        template.literal(after: #"<|im_start|>system\n"#, until: "<|im_end|>")
        ?? template.literal(after: "<|im_start|>system\n", until: "<|im_end|>")
    case .phi3:
      closesWithEOS = template.contains("eos_token")
      dropsEmptySystem = template.says("== 'system' and message['content']")
    case .llama3:
      trimsTurns = template.contains("trim")
      guard template.contains("Cutting Knowledge Date") else { break }
      guard let cutoff = template.literal(after: "Cutting Knowledge Date: ", until: #"\n"#),
        let date = Self.fallbackDate(template)
      else { throw refusal("the chat template is of the format llama-3 but also writes a date of its own") }
      systemPreamble = "Cutting Knowledge Date: \(cutoff)\nToday Date: \(date)\n\n"
    case .mistral:
      guard let space = Self.answerSpace(template) else {
        throw refusal("the chat template is of the format mistral but answers in its own way")
      }
      answerSpace = space
      questionLead = template.says("' [INST] '") ? " " : ""
      questionSpace = (template.contains("[INST] ") ? " " : "", template.contains(" [/INST]") ? " " : "")
      trimsAnswers = ["|trim + eos_token", "| trim + eos_token"].contains(where: template.contains)
      systemJoinsLast = template.contains("loop.last and system_message")
    case .llama2:
      trimsSystem = template.says("messages[0]['content'] | trim")
    case .gemma, .zephyr: break
    }
  }

  /// What a template of Mistral's format writes before an answer; nil where it is none of the known ways.
  private static func answerSpace(_ template: TemplateText) -> String? {
    let answers = ["message['content']", "message['content']|trim", "message['content'] | trim", "content"]
    func writes(_ before: String) -> Bool {
      answers.contains { answer in
        ["\(before)\(answer) + eos_token", "\(before)\(answer)+eos_token"].contains(where: template.says)
      }
    }
    if writes("' ' + ") { return " " }
    return ["{{ ", "{{", "{{- ", "{{-"].contains(where: writes) ? "" : nil
  }

  /// The date that Llama 3.1's template and its descendants write where they are given none.
  private static func fallbackDate(_ template: TemplateText) -> String? {
    template.literal(after: "date_string = \"", until: "\"")
      ?? template.literal(after: "date_string = '", until: "'")
  }

  /// The texts of the tokens that begin and end a text, for the formats that write them.
  package struct SpecialTexts: Sendable {
    /// Begins a text, such as `<s>`.
    package var bos: String
    /// Ends a text, such as `</s>`.
    package var eos: String

    /// These texts.
    package init(bos: String = "", eos: String = "") {
      self.bos = bos
      self.eos = eos
    }
  }
}

extension Tokenizer {
  /// The texts of BOS and EOS, empty where there is none.
  package var specialTexts: ChatTemplate.SpecialTexts {
    func text(_ id: Int32?) -> String {
      id.map { String(decoding: vocabulary.texts[Int($0)], as: UTF8.self) } ?? ""
    }
    return ChatTemplate.SpecialTexts(bos: text(bosID), eos: text(eosID))
  }
}
