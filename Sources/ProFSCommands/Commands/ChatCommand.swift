internal import ArgumentParser
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

/// `profs chat`: a conversation with a model, or with a base and its edit at once.
struct ChatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talk to a model, or to a base and its edit at once.",
    discussion: """
      What you say goes to both; each answers in a conversation of its own. /reset begins anew, /quit or Ctrl-D ends. \
      Lines can also come from a file: profs chat MODEL EDITED <lines.txt.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String
  @Argument(help: "A second model, or a PEFT adapter of the first, that hears the same.") var edited: String?

  @Option(help: ArgumentHelp("What the models are told before the conversation.", valueName: "text"))
  var system: String?
  @Option(help: ArgumentHelp("Tokens of an answer.", valueName: "n")) var maxNewTokens = 200
  @Option(help: ArgumentHelp("0 takes the most probable token; above 0 samples.", valueName: "x"))
  var temperature = 0.0
  @Option(help: ArgumentHelp("Sample among the fewest tokens with this probability.", valueName: "p"))
  var topP: Double?
  @Flag(help: "Print offensive words in full; --json always does.") var unmasked = false
  @OptionGroup var chat: ChatOptions
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    try SamplingBounds.validate(temperature: temperature, topP: topP)
    if temperature == 0, topP != nil { throw ValidationError("--top-p needs --temperature above 0.") }
  }

  func run() throws {
    let base = try Model(path: model)
    var speakers = [try Speaker(model, base, self)]
    if let edited { speakers.append(try Speaker(edited, Model.edited(edited, of: base), self)) }
    let isDialogue = isatty(STDIN_FILENO) == 1 && !output.json && !output.quiet
    if isDialogue { Console.message("/reset begins anew, /quit or Ctrl-D ends") }
    var turns: [JSON] = []
    while true {
      if isDialogue { Console.prompt("\nyou     ") }
      guard let line = readLine() else { break }
      let said = line.trimmingCharacters(in: .whitespaces)
      if said.isEmpty { continue }
      if said == "/quit" { break }
      if said == "/reset" {
        for index in speakers.indices { speakers[index].reset() }
        continue
      }
      var answers: [JSON] = []
      for index in speakers.indices {
        let title = speakers.count == 1 ? "model   " : index == 0 ? "base    " : "edited  "
        if !output.json { Console.result(title, terminator: "") }
        let answer = try speakers[index].answer(said) {
          if !output.json { Console.result($0, terminator: "") }
        }
        if !output.json { Console.result() }
        answers.append([
          "model": .string(speakers[index].path), "text": .string(answer.text),
          "ids": .array(answer.ids.map { .int(Int($0)) }),
        ])
      }
      turns.append(["user": .string(said), "answers": .array(answers)])
    }
    if output.json { Console.json(["turns": .array(turns)]) }
  }
}

/// One model and the conversation it is in.
private struct Speaker {
  let path: String
  private let model: Model
  private let tokenizer: PassageTokenizer
  private let decoder: Decoder
  private let options: Decoder.Options
  private let unmasked: Bool
  private let beginning: [PreferenceData.ChatMessage]
  private var messages: [PreferenceData.ChatMessage]

  init(_ path: String, _ model: Model, _ command: ChatCommand) throws {
    (self.path, self.model) = (path, model)
    tokenizer = try PassageTokenizer(model, chatFormat: command.chat.chatFormat)
    // A model without a chat format is refused before the first line is typed.
    _ = try tokenizer.chatTemplate()
    decoder = Decoder(model, command.compute.context(defaultPrecision: .f32))
    options = Decoder.Options(
      maximumNewTokens: command.maxNewTokens,
      sampling: Sampling(temperature: command.temperature, topP: command.topP),
      stopTokens: model.stopTokens(tokenizer.tokenizer))
    unmasked = command.unmasked
    beginning = command.system.map { [PreferenceData.ChatMessage(role: "system", content: $0)] } ?? []
    messages = beginning
  }

  /// Forgets what was said.
  mutating func reset() { messages = beginning }

  /// The conversation as tokens, without its oldest turns where it has outgrown the model.
  private mutating func fittingPrompt() throws -> [Int32] {
    let positions = model.configuration.maximumPositions
    var isCut = false
    while true {
      let prompt = try tokenizer.encode(.messages(messages), addsGenerationPrompt: true)
      let fits = prompt.count + options.maximumNewTokens <= positions
      guard !fits, messages.count >= beginning.count + 3 else {
        if isCut {
          Console.message("\(path) has \(positions) positions; the oldest of the conversation is forgotten")
        }
        return prompt
      }
      messages.removeSubrange(beginning.count..<beginning.count + 2)
      isCut = true
    }
  }

  /// Answers; `show` gets the text as it appears.
  mutating func answer(_ said: String, _ show: (String) -> Void) throws -> (text: String, ids: [Int32]) {
    messages.append(PreferenceData.ChatMessage(role: "user", content: said))
    let prompt = try fittingPrompt()
    var streamed = StreamedText(tokenizer.tokenizer, unmasked: unmasked)
    let ids = try withoutActuallyEscaping(show) { show in
      try decoder.generate([prompt], options, variants: []) { _, _, token in show(streamed.add(token)) }[0][0]
    }
    show(streamed.finish())
    let text = tokenizer.tokenizer.decode(ids)
    messages.append(PreferenceData.ChatMessage(role: "assistant", content: text))
    return (text, ids)
  }
}
