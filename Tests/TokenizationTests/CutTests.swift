import Foundation
import Storage
import Testing
import Tokenization

/// The ways of cutting text that GGUF files name, and Mistral's file, over one vocabulary: `tokenizer_cuts.py`.
@Suite("Ways of cutting text")
struct CutTests {
  private static func strings(_ value: JSONValue?) throws -> ByteStrings {
    var strings = ByteStrings()
    for element in try #require(value).elements { strings.append(try #require(element.utf8)) }
    return strings
  }

  @Test(
    "A name in a GGUF file gives the ids of tokenizers, and is found again for the steps",
    arguments: Fixture.cases("cuts.json") { $0["cases"] })
  func named(way: Case) throws {
    let file = try Fixture.json("cuts.json").root
    let texts = try #require(file["texts"]).elements.compactMap(\.string)
    let ids = try #require(way["ids"]).elements.map(\.ids)
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.preTokenizer = way.name
    vocabulary.tokens = try Self.strings(file["tokens"])
    vocabulary.merges = try Self.strings(file["merges"])
    vocabulary.addsBOS = false
    let tokenizer = try Tokenizer(vocabulary: vocabulary)
    for (text, ids) in zip(texts, ids) {
      #expect(try tokenizer.encode(text) == ids, Comment(rawValue: text.debugDescription))
    }

    let tokens = try #require(file["tokens"]).elements.enumerated().map { id, text in
      (try #require(text.string), JSON.int(id))
    }
    let written: JSON = [
      "pre_tokenizer": JSON(way["preTokenizer"]), "decoder": ["type": "ByteLevel"],
      "model": [
        "type": "BPE", "vocab": .object(tokens), "merges": JSON(file["merges"]),
        "ignore_merges": JSON(way["ignoresMerges"]),
      ],
    ]
    let original = try makeTokenizer(written)
    #expect(try texts.map { try original.encode($0) } == ids)
    let found = try original.ggufVocabulary(size: 0)
    #expect(found.preTokenizer == way.name)
    let again = try Tokenizer(vocabulary: found)
    #expect(try texts.map { try again.encode($0, addSpecialTokens: false) } == ids)
  }

  @Test("Where a file names no way, its architecture's is taken, and none where there are several")
  func unnamedWay() throws {
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.tokens = ByteStrings(["1", "2", "12"])
    vocabulary.merges = ByteStrings(["1 2"])
    for (architecture, ids) in [("gpt2", [2]), ("gptneox", [2]), ("qwen2", [0, 1]), ("starcoder2", [0, 1])] {
      for name in [nil, "default"] {
        (vocabulary.architecture, vocabulary.preTokenizer) = (architecture, name)
        #expect(try Tokenizer(vocabulary: vocabulary).encode("12") == ids.map(Int32.init), "\(architecture)")
      }
    }
    for architecture in ["llama", "stablelm", nil] {
      (vocabulary.architecture, vocabulary.preTokenizer) = (architecture, nil)
      let error = #expect(throws: TokenizationError.self) { try Tokenizer(vocabulary: vocabulary) }
      #expect(error?.keyPath == "tokenizer.ggml.pre")
      vocabulary.preTokenizer = "dbrx"
      #expect(try Tokenizer(vocabulary: vocabulary).encode("12") == [2])
    }
  }

  private static func tekken(_ change: (inout JSON.Members) -> Void = { _ in }) throws -> JSONDocument {
    guard case .object(var members) = JSON(try Fixture.json("cuts.json").root["tekken"]?["file"]) else {
      throw StorageError(path: "cuts.json", reason: "expected an object")
    }
    change(&members)
    return try JSONDocument(parsing: JSON.object(members).serialized(), source: "tekken.json")
  }

  @Test("Mistral's file gives the ids of transformers, after BOS, and so do the files written of it")
  func mistral() throws {
    let file = try #require(try Fixture.json("cuts.json").root["tekken"])
    let texts = try #require(file["texts"]).elements.compactMap(\.string)
    let ids = try #require(file["ids"]).elements.map(\.ids)
    let tokenizer = try Tokenizer(tekken: Self.tekken())
    for (text, ids) in zip(texts, ids) {
      #expect(try tokenizer.encode(text) == [1] + ids, Comment(rawValue: text.debugDescription))
      #expect(
        tokenizer.decode(ids, skipSpecialTokens: false).utf8.elementsEqual(text.utf8),
        Comment(rawValue: text.debugDescription))
    }
    #expect(tokenizer.eosID == 2)
    let config = try JSONDocument(parsing: #"{"add_bos_token": false}"#, source: "tokenizer_config.json")
    #expect(try Tokenizer(tekken: Self.tekken(), configJSON: config).encode(texts[0]) == ids[0])

    let written = tokenizer.huggingFaceJSON()
    let again = try makeTokenizer(written.tokenizer, config: written.config)
    #expect(try texts.map { try again.encode($0, addSpecialTokens: false) } == ids)
    let gguf = try Tokenizer(vocabulary: tokenizer.ggufVocabulary(size: 0))
    #expect(try texts.map { try gguf.encode($0) } == ids.map { [1] + $0 })
  }

  @Test("Mistral's older files leave the tokens with a role to a list that is known")
  func unnamed() throws {
    let tokenizer = try Tokenizer(
      tekken: Self.tekken {
        $0["special_tokens"] = nil
        $0["config"] = ["pattern": "a", "default_vocab_size": 1100, "default_num_special_tokens": 30]
      })
    #expect(try tokenizer.encode("[INST][TOOL_CONTENT]<SPECIAL_29>!") == [1, 3, 19, 29, 30 + 33])
  }

  @Test(
    "What is wrong with Mistral's file is named",
    arguments: [
      ("config.pattern", "(", nil, nil), ("config.pattern", nil, nil, nil),
      ("config.default_vocab_size", "a", 265, 10), ("config.default_vocab_size", "a", 99_999, 10),
      ("config.default_num_special_tokens", "a", 1100, 5),
      ("config.default_num_special_tokens", "a", 1100, 1 << 40),
      ("config.default_num_special_tokens", "a", 1100, -1),
    ] as [(String, String?, Int?, Int?)])
  func configuration(keyPath: String, pattern: String?, size: Int?, specials: Int?) throws {
    let file = try Self.tekken {
      $0["config"] = [
        "pattern": pattern.map(JSON.string) ?? .null, "default_vocab_size": size.map(JSON.int) ?? .null,
        "default_num_special_tokens": specials.map(JSON.int) ?? .null,
      ]
    }
    let error = #expect(throws: TokenizationError.self) { try Tokenizer(tekken: file) }
    #expect(error?.keyPath == keyPath)
  }

  @Test(
    "Tokens of Mistral's file that are out of order, no Base64, or there twice are refused by their place")
  func tokens() throws {
    let good: [JSON] = (0..<300).map { rank in
      let bytes = rank < 256 ? [UInt8(rank)] : [UInt8(ascii: "a"), UInt8(rank - 256)]
      return ["rank": .int(rank), "token_bytes": .string(Data(bytes).base64EncodedString())]
    }
    func refusal(_ index: Int, _ token: JSON) throws -> String? {
      var vocabulary = good
      vocabulary[index] = token
      let file = try Self.tekken {
        $0["vocab"] = .array(vocabulary)
        $0["config"] = ["pattern": "a"]
      }
      do {
        _ = try Tokenizer(tekken: file)
        return nil
      } catch { return error.keyPath }
    }
    #expect(try refusal(7, good[7]) == nil)
    #expect(try refusal(7, good[8]) == "vocab[7]")
    #expect(try refusal(7, ["rank": 7, "token_bytes": "*"]) == "vocab[7]")
    #expect(try refusal(7, ["rank": 7, "token_bytes": ""]) == "vocab[7]")
    #expect(try refusal(299, ["rank": 299, "token_bytes": "QQ=="]) == "vocab[299].token_bytes")
    // The text of a token with a role.
    #expect(try refusal(299, ["rank": 299, "token_bytes": "PHM+"]) == "vocab[299].token_bytes")
    let twice = try Self.tekken {
      $0["special_tokens"] = [["rank": 0, "token_str": "<s>"], ["rank": 1, "token_str": "<s>"]]
    }
    let error = #expect(throws: TokenizationError.self) { try Tokenizer(tekken: twice) }
    #expect(error?.keyPath == "special_tokens")
  }

  @Test("The unknown token of SentencePiece's metadata is known by its type where no id is given")
  func unknownToken() throws {
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.model = "llama"
    vocabulary.tokens = ByteStrings(["<unk>", "<s>", "\u{2581}", "a"])
    vocabulary.kinds = [.unknown, .control, .normal, .normal]
    vocabulary.scores = [0, 0, -1, -2]
    vocabulary.bosID = 1
    vocabulary.addsSpacePrefix = false
    #expect(try Tokenizer(vocabulary: vocabulary).encode("a<unk>ab") == [1, 3, 0, 3, 0])
  }

  @Test("A list of tokens that is called tokenizer.model is refused by what it is")
  func tokenList() {
    let error = #expect(throws: TokenizationError.self) {
      try Tokenizer(sentencePiece: Array("IQ== 0\nIg== 1\n".utf8), source: "tokenizer.model")
    }
    #expect(error?.reason.contains("tiktoken") == true)
  }
}
