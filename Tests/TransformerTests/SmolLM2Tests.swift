import Checkpoints
import Foundation
import Kernels
import Storage
import Testing
import Tokenization
import Transformer

private let testsFolder = URL(filePath: #filePath).deletingLastPathComponent()
private let modelPath = testsFolder.deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: ".models/SmolLM2-135M-Instruct.Q4_1.gguf").path

/// A real model, quantised in a GGUF, against what transformers computes from the same file.
@Suite(
  "SmolLM2-135M",
  .enabled(if: FileManager.default.fileExists(atPath: modelPath), "the SmolLM2 GGUF is absent: make models"),
  .serialized)
struct SmolLM2Tests {
  /// How far a result in each precision may be from transformers' f32, as ‖a − b‖ / ‖b‖ of each text in each block.
  ///
  /// bf16 keeps 8 bits, so an operand is off by up to 2⁻⁹; thirty blocks of such products were measured to leave
  /// 0.013 in the tenth block and the twenty-ninth and 0.018 in the last, where enormous residuals cancel.
  /// (transformers run wholly in bf16 is off by 0.07 in the worst block.)
  static func tolerance(_ precision: ComputePrecision) -> Double { precision == .f32 ? 1e-4 : 3e-2 }

  static func json(_ name: String) throws -> JSONValue {
    let path = testsFolder.appending(path: "Fixtures/smollm2/" + name).path
    return try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 20), source: name).root
  }

  static func goldens() throws -> TensorStore {
    try SafetensorsFile(path: testsFolder.appending(path: "Fixtures/smollm2/embeddings.safetensors").path)
      .tensors
  }

  static func ids(_ value: JSONValue?) -> [Int32] {
    (value?.elements ?? []).compactMap { $0.int.map(Int32.init) }
  }

  /// The texts of texts.json as tokens.
  static func texts() throws -> [[Int32]] {
    (try json("texts.json")["texts"]?.elements ?? []).map { ids($0["ids"]) }
  }

  @Test("the tokenizer gives transformers' ids for texts and prompts")
  func tokens() throws {
    let tokenizer = try Model(path: modelPath).tokenizer()
    let texts = (try Self.json("texts.json")["texts"]?.elements ?? []).map {
      ($0["text"], Self.ids($0["ids"]))
    }
    let prompts = (try Self.json("greedy.json")["prompts"]?.elements ?? [])
      .map { ($0["prompt"], Self.ids($0["promptIDs"])) }
    #expect(texts.count == 12 && prompts.count == 50)
    for (text, ids) in texts + prompts {
      #expect(try tokenizer.encode(try #require(text?.string)) == ids)
    }
  }

  @Test("conversations are written and tokenized as transformers does it with the model's own template")
  func chat() throws {
    let model = try Model(path: modelPath)
    let tokenizer = try model.tokenizer()
    let template = try model.chatTemplate()
    let conversations = try Self.json("chat.json")["conversations"]?.elements ?? []
    #expect(conversations.count == 10)
    for conversation in conversations {
      let messages = try (conversation["messages"]?.elements ?? []).map { turn in
        let parts = turn.elements.compactMap(\.string)
        return ChatMessage(try #require(ChatMessage.Role(rawValue: parts[0])), parts[1])
      }
      let text = try template.render(
        messages, tokenizer.specialTexts, addsGenerationPrompt: conversation["prompted"]?.bool ?? false)
      #expect(text == conversation["text"]?.string)
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == Self.ids(conversation["ids"]))
    }
  }

  @Test("mean embeddings agree in every block and text", arguments: ComputePrecision.allCases)
  func meanEmbeddings(_ precision: ComputePrecision) throws {
    try checkEmbeddings("embeddings", .mean, precision, blocks: Array(1...30))
  }

  @Test(
    "embeddings without the first token, and of the last, agree",
    arguments: [TextEmbedding.Pooling.skipFirst, .last])
  func otherPoolings(_ pooling: TextEmbedding.Pooling) throws {
    let selected = Self.ids(try Self.json("texts.json")["selectedBlocks"]).map { Int($0) }
    try checkEmbeddings("embeddings.\(pooling.rawValue)", pooling, .f32, blocks: selected)
  }

  private func checkEmbeddings(
    _ name: String, _ pooling: TextEmbedding.Pooling, _ precision: ComputePrecision, blocks: [Int]
  ) throws {
    let model = try Model(path: modelPath)
    let texts = try Self.texts()
    let tensors = try Self.goldens()
    let golden = try tensors.floats(try #require(tensors[name]))
    let width = model.configuration.hidden
    #expect(golden.count == blocks.count * texts.count * width)
    let embedding = try TextEmbedding(
      model, ComputeContext(threads: 2, precision: precision), texts, pooling: pooling)
    var worst: [(block: Int, error: Double)] = []
    try embedding.forEachBlock(in: 1...30) { block, embeddings in
      guard let index = blocks.firstIndex(of: block) else { return }
      let errors = texts.indices.map { text in
        let first = (index * texts.count + text) * width
        return relativeError(embeddings[text * width..<(text + 1) * width], golden[first..<first + width])
      }
      worst.append((block, errors.max() ?? .infinity))
      #expect(errors.allSatisfy { $0 < Self.tolerance(precision) }, "block \(block): \(errors)")
    }
    #expect(worst.map(\.block) == blocks)
    let list = worst.map { "\($0.block): " + String(format: "%.1e", $0.error) }.joined(separator: ", ")
    print("SmolLM2, \(name), \(precision), largest relative error by block: \(list)")
  }

  @Test("the largest logits, and the normaliser, agree", arguments: ComputePrecision.allCases)
  func logits(_ precision: ComputePrecision) throws {
    let model = try Model(path: modelPath)
    let context = ComputeContext(threads: 2, precision: precision)
    let forest = TokenForest(try Self.texts(), chunkTokens: ForwardPass.chunkTokens)
    let wanted = (try Self.json("texts.json")["logitRows"]?.elements ?? []).map { row in
      (text: row["text"]?.int ?? -1, position: row["position"]?.int ?? -1)
    }
    let rows = wanted.map { row in forest.ranges(ofText: row.text).flatMap { Array($0) }[row.position] }
    let tensors = try Self.goldens()
    let values = try tensors.floats(try #require(tensors["logits.values"]))
    let sums = try tensors.floats(try #require(tensors["logits.logsumexp"]))
    let ids = try tensors.withBytes(of: try #require(tensors["logits.ids"])) { bytes in
      (0..<bytes.count / 4).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
    }
    let pass = try ForwardPass(model, context, forest)
    try pass.run(
      throughBlock: 30,
      afterBlock: { block, stream in
        guard block == 30 else { return }
        let vocabulary = model.configuration.vocabulary
        let head = LanguageModelHead(model, context)
        let logits = try head.logits(stream, rows: rows)
        let top = ids.enumerated().map { logits[$0 / 32 * vocabulary + $1] }
        let error = relativeError(top, values)
        print("SmolLM2, logits, \(precision): relative error \(error)")
        #expect(error < Self.tolerance(precision))
        let best = rows.indices.map { Int32(ids[$0 * 32]) }
        let streamed = try head.logSoftmax(stream, rows: rows, targets: best)
        let normalisers = rows.indices.map { Float(Double(top[$0 * 32]) - streamed.logProbability($0)) }
        #expect(relativeError(normalisers, sums) < Self.tolerance(precision))
        if precision == .f32 { #expect(rows.indices.map { streamed.bestToken($0) } == best) }
      })
  }

  @Test("50 prompts continue greedily, all at once, with transformers' tokens")
  func greedy() throws {
    let model = try Model(path: modelPath)
    let golden = try Self.json("greedy.json")
    let prompts = golden["prompts"]?.elements ?? []
    let tokenizer = try model.tokenizer()
    let stop = Int32(try #require(golden["endOfText"]?.int))
    #expect(model.stopTokens(tokenizer) == [stop])
    let decoder = Decoder(model, ComputeContext(threads: 2, precision: .f32))
    let found = try decoder.generate(
      prompts.map { Self.ids($0["promptIDs"]) },
      .init(maximumNewTokens: try #require(golden["newTokens"]?.int), stopTokens: [stop]))
    #expect(found.count == 50)
    for (found, prompt) in zip(found, prompts) {
      #expect(found == Self.ids(prompt["ids"]), "\(prompt["prompt"]?.string ?? "")")
      #expect(tokenizer.decode(found) == prompt["text"]?.string)
    }
  }
}
