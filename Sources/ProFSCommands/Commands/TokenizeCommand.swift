internal import ArgumentParser
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs tokenize`: the ids of texts and conversations.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Token ids of texts, as the model's own tokenizer gives them.",
    discussion: """
      Conversations are written in the model's chat format first; --json has the text too.

        profs tokenize MODEL --text "Hello there"
        echo '{"messages": [{"role": "user", "content": "Hello"}]}' >c.jsonl
        profs tokenize MODEL --texts c.jsonl --json
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file, of which the vocabulary is enough.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Texts: .txt, one a line, or .jsonl with text or prompt, or with messages, a conversation.",
      valueName: "file"))
  var texts: String?
  @Option(help: ArgumentHelp("One text; may be given several times.", valueName: "text")) var text: [String] =
    []
  @Flag(help: "Conversations end with the head of the model's next turn.") var generationPrompt = false
  @OptionGroup var chat: ChatOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if texts == nil && text.isEmpty { throw ValidationError("Give --texts FILE or --text TEXT.") }
  }

  func run() throws {
    let passages = try (texts.map { try TextList.passages(path: $0) } ?? []) + text.map { .text($0) }
    let plain = passages.compactMap(\.text)
    let conversations: PassageTokenizer? =
      plain.count < passages.count
      ? try PassageTokenizer(Model(path: model), chatFormat: chat.chatFormat) : nil
    let (tokenizer, loading) = try ProgressBar.run("loading the tokenizer", quiet: true) { _ in
      // Of texts the vocabulary is enough, without a model around it.
      try conversations?.tokenizer ?? Tokenizer(path: model)
    }
    let (ids, encoding) = try ProgressBar.run("encoding", quiet: true) { _ in
      try conversations.map { conversations in
        try passages.map { try conversations.encode($0, addsGenerationPrompt: generationPrompt) }
      } ?? plain.map { try tokenizer.encode($0) }
    }
    if output.json {
      Console.json([
        "texts": .array(
          try zip(passages, ids).map { passage, ids in
            let written =
              try passage.text == nil
              ? conversations?.text(passage, addsGenerationPrompt: generationPrompt) : nil
            return .object(
              [("ids", .array(ids.map { .int(Int($0)) }))] + (written.map { [("text", .string($0))] } ?? []))
          }),
        "seconds": ["loading": .double(loading), "encoding": .double(encoding)],
      ])
    } else {
      for text in ids { Console.result(text.map(String.init).joined(separator: " ")) }
    }
  }
}
