internal import ArgumentParser
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs generate`: continues prompts, of one model or of two side by side.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Continue prompts with a model, or with two side by side.")

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Prompts: .txt, one a line, or .jsonl with text, prompt, or messages of a conversation.",
      valueName: "file"))
  var prompts: String?
  @Option(help: ArgumentHelp("One prompt; may be given several times.", valueName: "text")) var prompt:
    [String] = []
  @Flag(help: "Take each prompt for what a user says, and let the model answer in its chat format.")
  var chat = false
  @OptionGroup var chatOptions: ChatOptions
  @Option(
    help: ArgumentHelp(
      "A second model, or a PEFT adapter of the first, to set beside it.", valueName: "model")) var against:
    String?
  @Option(help: ArgumentHelp("Tokens to add.", valueName: "n")) var maxNewTokens = 20
  @Option(help: ArgumentHelp("0 takes the most probable token; above 0 samples.", valueName: "x"))
  var temperature = 0.0
  @Option(help: ArgumentHelp("Sample among the k most probable tokens.", valueName: "k")) var topK: Int?
  @Option(help: ArgumentHelp("Sample among the fewest tokens with this probability.", valueName: "p"))
  var topP: Double?
  @Flag(help: "Print offensive words in full; --json always does.") var unmasked = false
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if prompts == nil && prompt.isEmpty { throw ValidationError("Give --prompts FILE or --prompt TEXT.") }
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    try SamplingBounds.validate(temperature: temperature, topP: topP)
    if let topK, topK < 1 { throw ValidationError("--top-k must be at least 1.") }
    if temperature == 0, topK != nil || topP != nil {
      throw ValidationError("--top-k and --top-p need --temperature above 0.")
    }
  }

  func run() throws {
    let passages = try (prompts.map { try TextList.passages(path: $0) } ?? []) + prompt.map { .text($0) }
    let texts = passages.map(Self.shown)
    let context = compute.context(defaultPrecision: .f32)
    let base = try Model(path: model)
    let edited = try against.map { try Model.edited($0, of: base) }
    let first = try continuations(of: passages, base, context)
    let second = try edited.map { try continuations(of: passages, $0, context) }
    if output.json {
      var members: [(key: String, value: JSON)] = [("continuations", json(texts, first))]
      if let second { members.append(("against", json(texts, second))) }
      Console.json(.object(members))
      return
    }
    for (index, text) in texts.enumerated() {
      Console.result("\(index + 1). \(onOneLine(text))")
      if let second {
        Console.result("   base    \(onOneLine(first[index].text))")
        Console.result("   edited  \(onOneLine(second[index].text))")
      } else {
        Console.result("   \(onOneLine(first[index].text))")
      }
    }
  }

  private struct Continuation {
    let text: String
    let ids: [Int32]
  }

  /// What is printed as the prompt: a text itself, or the last message of a conversation.
  private static func shown(_ passage: Passage) -> String {
    switch passage {
    case .text(let text): text
    case .messages(let messages): messages.last?.content ?? ""
    }
  }

  private func continuations(of passages: [Passage], _ model: Model, _ context: ComputeContext) throws
    -> [Continuation]
  {
    let passageTokenizer = try PassageTokenizer(model, chatFormat: chatOptions.chatFormat)
    let tokenizer = passageTokenizer.tokenizer
    let ids = try passages.map { passage in
      var passage = passage
      if chat, let text = passage.text {
        passage = .messages([PreferenceData.ChatMessage(role: "user", content: text)])
      }
      return try passageTokenizer.encode(passage, addsGenerationPrompt: true)
    }
    let options = Decoder.Options(
      maximumNewTokens: maxNewTokens, sampling: Sampling(temperature: temperature, topK: topK, topP: topP),
      stopTokens: model.stopTokens(tokenizer))
    let (new, _) = try ProgressBar.run("generating", quiet: output.quiet || output.json) {
      try Decoder(model, context).generate(ids, options, progress: $0)
    }
    return new.map { Continuation(text: tokenizer.decode($0), ids: $0) }
  }

  private func json(_ prompts: [String], _ continuations: [Continuation]) -> JSON {
    .array(
      zip(prompts, continuations).map { prompt, continuation in
        [
          "prompt": .string(prompt), "text": .string(continuation.text),
          "ids": .array(continuation.ids.map { .int(Int($0)) }),
        ]
      })
  }

  private func onOneLine(_ text: String) -> String {
    let line = String(text.map { $0.isNewline ? "⏎" : $0 })
    return unmasked ? line : Masking.mask(line)
  }
}
