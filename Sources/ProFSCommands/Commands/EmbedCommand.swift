internal import ArgumentParser
internal import Checkpoints
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Tokenization
internal import Transformer

extension TextEmbedding.Pooling: ExpressibleByArgument {}

/// `profs embed`: what a model's residual stream makes of texts.
struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Write the embeddings of texts after every block.",
    discussion: """
      The output holds one tensor, "embeddings", [blocks, texts, hidden] in F32: the residual stream after each block, \
      before any final norm, pooled over each text's own tokens. For a sentence encoder such as all-MiniLM-L6-v2, the \
      last block with --normalize is its sentence embedding.
      """)

  @Argument(help: "Folder in Hugging Face layout, or .gguf file.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Texts: .txt, one a line, or .jsonl with text, prompt, or messages of a conversation.",
      valueName: "file"))
  var texts: String
  @OptionGroup var chat: ChatOptions
  @Option(help: ArgumentHelp("Safetensors file to write; must not exist.", valueName: "file")) var out: String
  @Option(help: "Which of a text's tokens are averaged.") var pooling: TextEmbedding.Pooling = .mean
  @Option(
    help: ArgumentHelp("Texts are cut after this many tokens; by default the model's length.", valueName: "n")
  )
  var maxTokens: Int?
  @Flag(help: "Scale every embedding to length 1.") var normalize = false
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let maxTokens, maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
  }

  func run() throws {
    let quiet = output.quiet || output.json
    try NewOutput.claim(out)
    let opened = try Model(path: model)
    let configuration = opened.configuration
    let tokenizer = try PassageTokenizer(opened, chatFormat: chat.chatFormat)
    let limit = min(maxTokens ?? configuration.maximumPositions, configuration.maximumPositions)
    let ids = try TextList.passages(path: texts).map { try tokenizer.encode($0, limit: limit) }
    if let empty = ids.firstIndex(where: \.isEmpty) {
      throw ModelError(texts, "text \(empty + 1) has no tokens, so it has no embedding; remove it")
    }
    let embedding = try TextEmbedding(
      opened, compute.context(defaultPrecision: .f32), ids, pooling: pooling,
      padding: tokenizer.tokenizer.eosID ?? 0)
    var plan = try embedding.memoryPlan()
    plan.add(.init("embeddings of \(ids.count) texts", 2 * ids.count * configuration.hidden * 4))
    try plan.requireRoom(
      for: model, advice: "fewer texts, fewer tokens of each (--max-tokens) or fewer threads (--threads)")
    let file = try AtomicFile(out)
    var writer = try SafetensorsWriter(
      file.writer,
      tensors: [
        .init(name: "embeddings", type: .f32, shape: [configuration.blocks, ids.count, configuration.hidden])
      ],
      metadata: [
        ("pooling", pooling.rawValue), ("hook", "residual-stream-after-block"),
        ("normalized", normalize ? "true" : "false"),
      ])
    let (_, seconds) = try ProgressBar.run("embedding texts", quiet: quiet) { progress in
      try embedding.forEachBlock(in: 1...configuration.blocks, progress: progress) { _, values in
        var values = values
        if normalize { scaleRows(&values, width: configuration.hidden) }
        try values.withUnsafeBytes { try writer.append($0, to: "embeddings") }
      }
    }
    try writer.finish()
    try file.commit()
    if output.json {
      Console.json([
        "out": .string(out), "blocks": .int(configuration.blocks), "texts": .int(ids.count),
        "hidden": .int(configuration.hidden), "tokens": .int(ids.reduce(0) { $0 + $1.count }),
        "seconds": .double(seconds),
      ])
    } else {
      Console.result(
        "\(ids.count) texts, \(configuration.blocks) blocks of width \(configuration.hidden): \(out)")
    }
  }
  /// Divides each row by its length, where it has one.
  private func scaleRows(_ values: inout [Float], width: Int) {
    for row in stride(from: 0, to: values.count, by: width) {
      let square = values[row..<row + width].reduce(0.0) { $0 + Double($1) * Double($1) }
      guard square > 0 else { continue }
      let scale = 1 / square.squareRoot()
      for index in row..<row + width { values[index] = Float(Double(values[index]) * scale) }
    }
  }
}
