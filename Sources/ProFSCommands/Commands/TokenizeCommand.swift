internal import ArgumentParser
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs tokenize`: the ids of texts.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Token ids of texts, as the model's own tokenizer gives them.")

  @Argument(help: "Folder in Hugging Face layout, or .gguf file, of which the vocabulary is enough.")
  var model: String

  @Option(help: ArgumentHelp("Texts: .txt, one a line, or .jsonl with text or prompt.", valueName: "file"))
  var texts: String?
  @Option(help: ArgumentHelp("One text; may be given several times.", valueName: "text")) var text: [String] =
    []
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if texts == nil && text.isEmpty { throw ValidationError("Give --texts FILE or --text TEXT.") }
  }

  func run() throws {
    let (tokenizer, loading) = try ProgressBar.run("loading the tokenizer", quiet: true) { _ in
      try Tokenizer(path: model)
    }
    let all = try (texts.map { try TextList(path: $0).texts } ?? []) + text
    let (ids, encoding) = try ProgressBar.run("encoding", quiet: true) { _ in
      try all.map { try tokenizer.encode($0) }
    }
    if output.json {
      Console.json([
        "texts": .array(ids.map { ["ids": .array($0.map { .int(Int($0)) })] }),
        "seconds": ["loading": .double(loading), "encoding": .double(encoding)],
      ])
    } else {
      for text in ids { Console.result(text.map(String.init).joined(separator: " ")) }
    }
  }
}
