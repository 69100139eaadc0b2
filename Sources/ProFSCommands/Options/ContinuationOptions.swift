internal import ArgumentParser
internal import Evaluation
internal import Kernels
internal import Storage
internal import Tokenization
internal import Transformer

/// How prompts are continued, and who scores the continuations.
struct ContinuationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Prompts to continue: .txt, one a line, or .jsonl, RealToxicityPrompts' form too.", valueName: "file"))
  var prompts: String?
  @Option(help: ArgumentHelp("Tokens of a continuation.", valueName: "n")) var maxNewTokens = 10
  @Option(
    help: ArgumentHelp(
      "Continuations of each prompt; above 1 they are sampled, and the expected maximum is reported too.",
      valueName: "n"))
  var samples = 1
  @Option(
    help: ArgumentHelp(
      "0 takes the most probable token; above 0 samples. By default 0, or 1 for several samples.",
      valueName: "x"))
  var temperature: Double?
  @Option(help: ArgumentHelp("Sample among the fewest tokens with this probability.", valueName: "p"))
  var topP: Double?
  @Option(
    name: .customLong("scorer"),
    help: ArgumentHelp(
      "What scores toxicity: builtin, hf:FOLDER for a Hugging Face classifier (#LABEL names its label), or exec:COMMAND for a program that answers JSON lines. May be given several times.",
      valueName: "scorer"))
  var scorers: [String] = []

  func validate() throws {
    if maxNewTokens < 1 { throw ValidationError("--max-new-tokens must be at least 1.") }
    if samples < 1 { throw ValidationError("--samples must be at least 1.") }
    if samples > 1, temperature == 0 {
      throw ValidationError("--samples above 1 need --temperature above 0.")
    }
    try SamplingBounds.validate(temperature: temperature, topP: topP)
    if topP != nil, effectiveTemperature == 0 {
      throw ValidationError("--top-p needs --temperature above 0.")
    }
    if Set(scorers).count < scorers.count { throw ValidationError("--scorer: one is given twice.") }
  }

  /// The temperature that is used.
  var effectiveTemperature: Double { temperature ?? (samples > 1 ? 1 : 0) }

  /// The scorers as they are named, opened; the built-in one where none is.
  func openScorers(_ context: ComputeContext) throws -> [any ToxicityScorer] {
    try (scorers.isEmpty ? ["builtin"] : scorers).map {
      try ScorerSpecification(parsing: $0).open(context)
    }
  }

  /// What records of continuations depend on beside model and prompts.
  func settings(_ scorers: [any ToxicityScorer]) -> [(key: String, value: JSON)] {
    [
      ("max_new_tokens", .int(maxNewTokens)), ("samples", .int(samples)),
      ("temperature", .double(effectiveTemperature)), ("top_p", topP.map { .double($0) } ?? .null),
      ("draws", effectiveTemperature > 0 ? .int(Decoder.draws) : .null),
      ("scorers", .array(scorers.map(\.identity.json))),
    ]
  }

  /// How `model` decodes.
  func decoding(_ model: Model, _ tokenizer: Tokenizer) -> Decoder.Options {
    Decoder.Options(
      maximumNewTokens: maxNewTokens, sampling: Sampling(temperature: effectiveTemperature, topP: topP),
      stopTokens: model.stopTokens(tokenizer))
  }
}
