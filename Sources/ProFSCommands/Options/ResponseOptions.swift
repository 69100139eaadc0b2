internal import ArgumentParser
internal import PreferenceData
internal import Tokenization
internal import Training
internal import Transformer

/// Pairs whose responses are scored given their prompts; without a prompt all but the first token of a side is its response.
struct ResponseOptions: ParsableArguments {
  @OptionGroup var source: PairOptions

  @Option(help: ArgumentHelp("Of a prompt, the last n tokens are kept.", valueName: "n"))
  var maxPromptTokens = 64

  @Option(
    help: ArgumentHelp(
      "Of a response, the first n tokens are kept. Without a prompt a response is all but the first token of its side.",
      valueName: "n"))
  var maxResponseTokens = 64

  /// The options as they were decided elsewhere.
  init(source: PairOptions, maxPromptTokens: Int, maxResponseTokens: Int) {
    self.source = source
    (self.maxPromptTokens, self.maxResponseTokens) = (maxPromptTokens, maxResponseTokens)
  }

  /// Required by the parser.
  init() {}

  func validate() throws {
    if maxPromptTokens < 1 { throw ValidationError("--max-prompt-tokens must be at least 1.") }
    if maxResponseTokens < 1 { throw ValidationError("--max-response-tokens must be at least 1.") }
  }

  /// Reads `path`, or the pairs, and turns them into tokens.
  ///
  /// - Throws: where a pair's side cannot be written or has no response.
  func scoredPairs(_ model: Model, from path: String? = nil) throws -> [ScoredPair] {
    let path = path ?? source.pairs
    let file = try source.file(at: path)
    let tokenizer = try PassageTokenizer(model, chatFormat: source.chat.chatFormat)
    // Pairs kept for validation are written as those that are trained on.
    let levelling = try source.levelling(standard: .asWritten)
    // --limit is for the pairs that are trained on.
    return try (path == source.pairs ? source.used(of: file) : file.pairs[...]).map { written in
      let pair = levelling?(written) ?? written
      func side(_ side: PreferenceSide) throws -> ScoredSequence {
        do {
          let sequence = try scored(pair, side, tokenizer)
          guard !sequence.scored.isEmpty else {
            throw PreferenceDataError(file: path, line: pair.line, reason: "\(side.rawValue): no response")
          }
          return sequence
        } catch let error as TokenizationError {
          throw PreferenceDataError(file: path, line: pair.line, reason: "\(side.rawValue): \(error)")
        }
      }
      return ScoredPair(chosen: try side(.chosen), rejected: try side(.rejected))
    }
  }

  /// A side's tokens, cut at both ends; its response begins where its tokens leave those of the prompt alone.
  private func scored(
    _ pair: PreferencePair, _ side: PreferenceSide, _ tokenizer: PassageTokenizer
  ) throws -> ScoredSequence {
    let whole = try tokenizer.encode(pair.passage(of: side))
    let prompt = try tokenizer.encode(pair.prompt ?? .text(""), addsGenerationPrompt: true)
    let shared = zip(whole, prompt).prefix { $0 == $1 }.count
    let first = max(0, shared - maxPromptTokens)
    let start = max(1, shared - first)
    return ScoredSequence(
      tokens: Array(whole[first...].prefix(start + maxResponseTokens)), responseStart: start)
  }
}
