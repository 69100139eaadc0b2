import Foundation
import Storage
import Testing
import Tokenization

@Suite("SentencePiece, WordPiece and files of byte pairs")
struct KindTests {
  static let file = Result { try Fixture.json("kinds.json").root }
  static let bytePairFile = Result { try Fixture.json("byte-pair-files.json").root }

  /// The digest that the fixtures have of a text.
  private func digest(_ text: String) -> String {
    let digest = text.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let hexadecimal = String(digest, radix: 16)
    return String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
  }

  /// A case's `tokenizer.json` with its vocabulary.
  static func tokenizerJSON(_ pipeline: Case) throws -> JSON {
    let file = try file.get()
    let name = try #require(pipeline["vocabulary"]?.string)
    let json = JSON(try #require(pipeline["tokenizer"]))
    var model = try #require(json["model"]).setting("vocab", JSON(try #require(file["vocabularies"]?[name])))
    if let merges = file["merges"]?[name] { model = model.setting("merges", JSON(merges)) }
    return json.setting("model", model)
  }

  @Test(
    "Ids and texts equal those of tokenizers, for every kind of model, normalizer and decoder",
    arguments: Fixture.cases("kinds.json") { $0["cases"] })
  func pipelines(pipeline: Case) throws {
    let texts = try #require(Self.file.get()["texts"]).elements.compactMap(\.string)
    let tokenizer = try makeTokenizer(Self.tokenizerJSON(pipeline))
    let ids = try #require(pipeline["ids"]).elements.map(\.ids)
    let plain = pipeline["plain"]?.elements.map(\.ids) ?? ids
    try #require(ids.count == texts.count)
    for (index, text) in texts.enumerated() {
      let label = Comment(rawValue: text.debugDescription)
      #expect(try tokenizer.encode(text) == ids[index], label)
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == plain[index], label)
      #expect(digest(tokenizer.decode(ids[index])) == pipeline["decoded"]?.elements[index].string, label)
      let whole = tokenizer.decode(ids[index], skipSpecialTokens: false)
      #expect(digest(whole) == pipeline["whole"]?.elements[index].string, label)
    }
    try expectBeginnings(texts, ids, tokenizer)
    // Written out and read back, it is the same tokenizer.
    let written = tokenizer.huggingFaceJSON()
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    #expect(try texts.map { try again.encode($0) } == ids)
    #expect(ids.map { again.decode($0) } == ids.map { tokenizer.decode($0) })
    #expect(again.huggingFaceJSON().tokenizer == written.tokenizer)
  }

  /// The bytes of a case's `tokenizer.model`.
  static func model(_ pipeline: Case) throws -> [UInt8] {
    var text = try #require(pipeline["model"]?.string)
    if text == "Llama" {
      text = try #require(Fixture.json("sentencepiece.json").root.elements.first?["model"]?.string)
    }
    return Array(try #require(Data(base64Encoded: text)))
  }

  @Test(
    "tokenizer.model gives the ids of sentencepiece, and with a configuration those of transformers",
    arguments: Fixture.cases("sentencepiece.json") { $0 })
  func sentencePiece(pipeline: Case) throws {
    let config = try pipeline["config"].map {
      try JSONDocument(parsing: JSON($0).serialized(), source: "tokenizer_config.json")
    }
    let tokenizer = try Tokenizer(
      sentencePiece: Self.model(pipeline), source: "tokenizer.model", configJSON: config)
    let texts = try #require(pipeline["texts"]).elements.compactMap(\.string)
    let ids = try #require(pipeline["ids"]).elements.map(\.ids)
    for (index, text) in texts.enumerated() {
      let label = Comment(rawValue: text.debugDescription)
      #expect(try tokenizer.encode(text) == ids[index], label)
      guard let decoded = pipeline["decoded"]?.elements[index].string else { continue }
      #expect(tokenizer.decode(ids[index], skipSpecialTokens: false) == decoded, label)
    }
    // In tokenizer.json the prefix of a text would be put before such symbols as well.
    guard !pipeline.name.hasSuffix("with symbols") else { return }
    let written = tokenizer.huggingFaceJSON()
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    #expect(try texts.map { try again.encode($0) } == ids)
  }

  @Test("GGUF metadata of a BPE model with symbols of its own give the ids of sentencepiece")
  func symbolsInMetadata() throws {
    let pipeline = try #require(Fixture.cases("sentencepiece.json") { $0 }.first { $0.name == "Gemma" })
    let original = try Tokenizer(sentencePiece: Self.model(pipeline), source: "tokenizer.model")
    let vocabulary = try original.ggufVocabulary(size: 0)
    // As converters write them: spaces as such.
    let texts = (0..<vocabulary.tokens.count).filter { vocabulary.kinds[$0] == .userDefined }
      .map { String(decoding: vocabulary.tokens[$0], as: UTF8.self) }
    #expect(Set(texts) == ["<turn>", "\n\n", "  ", "   ", "    "])
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    for (text, ids) in zip(
      try #require(pipeline["texts"]).elements, try #require(pipeline["ids"]).elements.map(\.ids))
    {
      // There a mark for spaces in the text is none of them.
      guard let text = text.string, !text.contains("▁") else { continue }
      #expect(try tokenizer.encode(text, addSpecialTokens: false) == ids, Comment(rawValue: text))
    }
  }

  @Test("GGUF metadata as Gemma 4's, with merges, give the ids of sentencepiece, and BOS before every text")
  func statedMerges() throws {
    let pipeline = try #require(Fixture.cases("sentencepiece.json") { $0 }.first { $0.name == "Gemma" })
    let original = try Tokenizer(sentencePiece: Self.model(pipeline), source: "tokenizer.model")
    #expect(throws: TokenizationError.self) { try original.ggufVocabulary(size: 0, statesMerges: true) }
    let written = original.huggingFaceJSON()
    guard case .object(var config) = written.config else { return }
    config["add_bos_token"] = true
    let beginning = try makeTokenizer(written.tokenizer, config: .object(config))
    let bos = try #require(beginning.bosID)
    let vocabulary = try beginning.ggufVocabulary(size: 0, statesMerges: true)
    #expect(vocabulary.model == "gemma4" && vocabulary.scores.isEmpty && vocabulary.merges.count > 100)
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    for (text, ids) in zip(
      try #require(pipeline["texts"]).elements, try #require(pipeline["ids"]).elements.map(\.ids))
    {
      guard let text = text.string, !text.contains("▁") else { continue }
      #expect(try tokenizer.encode(text) == [bos] + ids, Comment(rawValue: text))
    }
  }

  @Test(
    "GGUF metadata of a Unigram model give the ids of the model they were made from",
    arguments: ["Unigram", "T5"])
  func metadata(name: String) throws {
    let pipeline = try #require(Fixture.cases("sentencepiece.json") { $0 }.first { $0.name == name })
    let original = try Tokenizer(sentencePiece: Self.model(pipeline), source: "tokenizer.model")
    // What converters write: texts, scores and kinds by id, and the map of characters.
    let written = original.huggingFaceJSON().tokenizer
    let file = try JSONDocument(parsing: written.serialized(), source: "tokenizer.json").root
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.model = "t5"
    for token in try #require(file["model"]?["vocab"]).elements {
      vocabulary.tokens.append(try #require(token.elements[0].utf8))
      vocabulary.scores.append(Float(try #require(token.elements[1].double)))
    }
    vocabulary.kinds = Array(repeating: .normal, count: vocabulary.scores.count)
    for token in try #require(file["added_tokens"]).elements {
      vocabulary.kinds[try #require(token["id"]?.int)] = .control
    }
    let map = file["normalizer"]?["normalizers"]?.elements.first?["precompiled_charsmap"]?.string
    vocabulary.charsmap = Array(try #require(map.flatMap { Data(base64Encoded: $0) }))
    vocabulary.unknownID = original.unknownID
    vocabulary.eosID = original.eosID
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    let ids = try #require(pipeline["ids"]).elements.map(\.ids)
    let texts = try #require(pipeline["texts"]).elements.compactMap(\.string)
    let eos = try #require(original.eosID)
    for (text, ids) in zip(texts, ids) {
      let encoded = try tokenizer.encode(text, addSpecialTokens: false)
      #expect(encoded == ids, "\(text.debugDescription)")
      #expect(try tokenizer.encode(text) == encoded + [eos])
    }
  }

  @Test("vocab.txt and its configuration give BERT's tokenizer")
  func wordPieces() throws {
    let pieces = try #require(Self.file.get()["vocabularies"]?["words"]).members
      .sorted { $0.value.int ?? 0 < $1.value.int ?? 0 }
    let lines = Array((pieces.map(\.key).joined(separator: "\n") + "\n").utf8)
    let texts = try #require(Self.file.get()["texts"]).elements.compactMap(\.string)
    for (name, config) in [
      ("BERT {}", nil),
      ("BERT {'lowercase': False}", #"{"do_lower_case": false, "cls_token": "[CLS]"}"#),
      ("BERT {'handle_chinese_chars': False}", #"{"tokenize_chinese_chars": false}"#),
    ] {
      let golden = try #require(Fixture.cases("kinds.json") { $0["cases"] }.first { $0.name == name })
      let tokenizer = try Tokenizer(
        wordPieces: lines, source: "vocab.txt",
        configJSON: config.map { try JSONDocument(parsing: $0, source: "tokenizer_config.json") })
      #expect(try texts.map { try tokenizer.encode($0) } == golden["ids"]?.elements.map(\.ids))
    }
  }

  @Test(
    "vocab.json and merges.txt give what transformers makes of them",
    arguments: Fixture.cases("byte-pair-files.json") { $0["cases"] })
  func bytePairs(golden: Case) throws {
    let file = try Self.bytePairFile.get()
    func document(_ value: JSONValue?, _ name: String) throws -> JSONDocument? {
      try value.map { try JSONDocument(parsing: JSON($0).serialized(), source: name) }
    }
    let vocabulary = try #require(try document(file["vocab"], "vocab.json"))
    let merges = try #require(file["merges"]?.string)
    let tokenizer = try Tokenizer(
      bytePairs: BytePairFiles(
        vocabulary: vocabulary, merges: Array(merges.utf8),
        specialTokens: try document(golden["special"], "special_tokens_map.json"),
        config: try document(golden["config"], "tokenizer_config.json"),
        modelType: golden["model_type"]?.string))
    let texts = try #require(file["texts"]).elements.compactMap(\.string)
    for (text, ids) in zip(texts, try #require(golden["ids"]).elements.map(\.ids)) {
      #expect(try tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
  }

  @Test("A class whose files leave something open is refused by its name")
  func unknownClass() throws {
    let vocabulary = try JSONDocument(parsing: #"{"a": 0}"#, source: "vocab.json")
    let config = try JSONDocument(
      parsing: #"{"tokenizer_class": "Qwen2Tokenizer"}"#, source: "tokenizer_config.json")
    let error = #expect(throws: TokenizationError.self) {
      try Tokenizer(bytePairs: BytePairFiles(vocabulary: vocabulary, merges: [], config: config))
    }
    #expect(error?.description.contains("Qwen2Tokenizer") == true)
  }
}
