import Storage
import Testing
import Tokenization

@Suite("Tokenizers that cannot be read")
struct TokenizationErrorTests {
  /// A tokenizer of three tokens.
  static let valid: JSON = [
    "added_tokens": [["id": 3, "content": "<x>", "special": true]],
    "normalizer": nil,
    "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false],
    "post_processor": nil,
    "decoder": ["type": "ByteLevel"],
    "model": ["type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2], "merges": ["a b"]],
  ]

  /// A pre-tokenizer that splits by `expression`.
  static func split(_ expression: String, behavior: JSON = "Isolated") -> JSON {
    [
      "type": "Sequence",
      "pretokenizers": [
        ["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": behavior, "invert": false],
        ["type": "ByteLevel", "use_regex": false, "add_prefix_space": false],
      ],
    ]
  }

  private static func model(_ key: String, _ value: JSON) -> JSON {
    let model: JSON = ["type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2], "merges": ["a b"]]
    return model.setting(key, value)
  }

  static let invalid: [(member: String, value: JSON, keyPath: String, reason: String)] = [
    ("normalizer", ["type": "Nmt"], "normalizer", "Nmt is not supported"),
    (
      "normalizer", ["type": "Sequence", "normalizers": [["type": "NFC"], ["type": "Odd"]]],
      "normalizer.normalizers[1]", "Odd is not supported"
    ),
    (
      "normalizer",
      ["type": "Sequence", "normalizers": .array(Array(repeating: ["type": "NFC"], count: 50))],
      "normalizer.normalizers[16]", "after 16 others"
    ),
    ("normalizer", ["type": "Prepend", "prepend": ""], "normalizer.prepend", "1 to 1024 bytes"),
    (
      "normalizer",
      [
        "type": "Replace", "pattern": ["String": "a"],
        "content": .string(String(repeating: "x", count: 1025)),
      ],
      "normalizer.content", "at most 1024 bytes"
    ),
    (
      "normalizer", ["type": "Replace", "pattern": ["Regex": "(a"], "content": ""], "normalizer.pattern",
      "paren"
    ),
    (
      "normalizer", ["type": "Replace", "pattern": "a", "content": ""], "normalizer.pattern",
      "Regex or String"
    ),
    ("normalizer", ["type": "BertNormalizer", "lowercase": 1], "normalizer.lowercase", "expected a boolean"),
    (
      "normalizer", ["type": "Precompiled", "precompiled_charsmap": "AAA"], "normalizer.precompiled_charsmap",
      "Base64"
    ),
    (
      "normalizer", ["type": "Precompiled", "precompiled_charsmap": "/////wAA"],
      "normalizer.precompiled_charsmap", "Base64"
    ),
    ("decoder", nil, "decoder", "found nothing"),
    ("decoder", ["type": "WordPiece"], "decoder", "WordPiece is not supported"),
    ("decoder", ["type": "CTC"], "decoder", "CTC is not supported"),
    ("pre_tokenizer", nil, "decoder", "ByteLevel is not supported"),
    ("pre_tokenizer", ["type": "UnicodeScripts"], "pre_tokenizer", "UnicodeScripts is not supported"),
    ("pre_tokenizer", ["type": "Digits"], "decoder", "ByteLevel is not supported"),
    (
      "pre_tokenizer", ["type": "Metaspace", "prepend_scheme": "odd"], "pre_tokenizer.prepend_scheme",
      "always, first, never"
    ),
    (
      "pre_tokenizer", ["type": "Metaspace", "replacement": ""], "pre_tokenizer.replacement",
      "1 to 1024 bytes"
    ),
    (
      "pre_tokenizer", ["type": "Sequence", "pretokenizers": [["type": "ByteLevel"], ["type": "Digits"]]],
      "pre_tokenizer.pretokenizers[1]", "after ByteLevel"
    ),
    (
      "pre_tokenizer",
      ["type": "Sequence", "pretokenizers": .array(Array(repeating: ["type": "Digits"], count: 50))],
      "pre_tokenizer.pretokenizers[16]", "after 16 others"
    ),
    (
      "pre_tokenizer", ["type": "ByteLevel", "use_regex": 1], "pre_tokenizer.use_regex", "expected a boolean"
    ),
    ("pre_tokenizer", split("(a"), "pre_tokenizer.pretokenizers[0].pattern", "parenthesis"),
    ("pre_tokenizer", split("[a&&b]"), "pre_tokenizer.pretokenizers[0].pattern", "&&"),
    ("pre_tokenizer", split("a{2}+"), "pre_tokenizer.pretokenizers[0].pattern", "}+"),
    ("pre_tokenizer", split(#"\X"#), "pre_tokenizer.pretokenizers[0].pattern", #"\X"#),
    ("pre_tokenizer", split("[a"), "pre_tokenizer.pretokenizers[0].pattern", "without ']'"),
    ("pre_tokenizer", split("(*NO_JIT)a"), "pre_tokenizer.pretokenizers[0].pattern", "(*"),
    ("pre_tokenizer", split(#"\p{Nonsense}"#), "pre_tokenizer.pretokenizers[0].pattern", "Nonsense"),
    (
      "pre_tokenizer", split("((a{1000}){1000}){1000}"), "pre_tokenizer.pretokenizers[0].pattern", "too large"
    ),
    (
      "pre_tokenizer", split("a", behavior: "Odd"), "pre_tokenizer.pretokenizers[0].behavior",
      "MergedWithNext"
    ),
    ("post_processor", ["type": "Odd"], "post_processor", "Odd is not supported"),
    (
      "post_processor", ["type": "TemplateProcessing", "single": [["Sequence": ["id": "B"]]]],
      "post_processor.single[0]", "expected the sequence A"
    ),
    ("post_processor", ["type": "TemplateProcessing", "single": []], "post_processor.single", "A once"),
    (
      "post_processor", ["type": "BertProcessing", "cls": ["a", .int(Int(Int32.max))], "sep": ["b", 0]],
      "post_processor", "found 2147483647"
    ),
    ("model", nil, "model", "a model without merges"),
    ("model", ["type": "WordLevel"], "model", "WordLevel is not supported"),
    ("model", ["type": "Unigram"], "model.vocab", "expected an array, found nothing"),
    ("model", ["type": "Unigram", "vocab": [["a", 0], ["b"]]], "model.vocab[1]", "a text and a score"),
    ("model", ["type": "Unigram", "vocab": [["a", "b"]]], "model.vocab[0]", "a text and a score"),
    (
      "model", ["type": "Unigram", "vocab": [["a", 0]], "unk_id": 1], "model.unk_id",
      "one of 1 tokens, found 1"
    ),
    ("model", ["type": "WordPiece", "vocab": ["a": 0]], "model.unk_token", "found nothing"),
    (
      "model", ["type": "WordPiece", "vocab": ["a": 0], "unk_token": "b"], "model.unk_token",
      "of the vocabulary"
    ),
    (
      "model", ["type": "WordPiece", "vocab": ["a": 0], "unk_token": "a", "max_input_chars_per_word": 0],
      "model.max_input_chars_per_word", "positive"
    ),
    ("model", model("dropout", 0.1), "model.dropout", "dropout"),
    ("model", model("continuing_subword_prefix", "##"), "model.continuing_subword_prefix", "not supported"),
    ("model", model("unk_token", "?"), "model.unk_token", "token of the vocabulary"),
    ("model", model("vocab", []), "model.vocab", "expected an object, found an array"),
    ("model", model("vocab", ["a": -1]), "model.vocab[\"a\"]", "expected a token id"),
    ("model", model("vocab", ["a": 1.5]), "model.vocab[\"a\"]", "expected a token id"),
    ("model", model("vocab", ["a": 2_000_000_000, "b": 1, "ab": 2]), "", "found up to 2000000000"),
    ("model", model("vocab", ["a": 2_147_483_647, "b": 1, "ab": 2]), "", "found up to 2147483647"),
    ("model", model("vocab", ["a": 1, "b": 1, "ab": 2]), "", "found two for 1"),
    ("model", model("merges", ["a c"]), "merges[0]", "expected \"a\", \"c\""),
    ("model", model("merges", ["a b", "ab"]), "merges[1]", "a space between"),
    ("model", model("merges", ["a b c"]), "merges[0]", "a space between"),
    ("model", model("merges", [["a"]]), "model.merges[0]", "found an array"),
    ("model", model("merges", [[1, 2]]), "model.merges[0]", "found an array"),
    ("model", model("merges", [7]), "model.merges[0]", "found a number"),
    ("added_tokens", ["id": 3], "added_tokens", "expected an array"),
    ("added_tokens", [["id": 3]], "added_tokens[0].content", "bytes of text"),
    (
      "added_tokens", [["id": 3, "content": .string(String(repeating: "x", count: 1025))]],
      "added_tokens[0].content", "1024"
    ),
    ("added_tokens", [["id": -3, "content": "x"]], "added_tokens[0].id", "expected a token id"),
    ("added_tokens", [["id": 7, "content": "ab"]], "added_tokens[0].id", "expected 2"),
    ("added_tokens", [["id": 2, "content": "x"]], "", "found 2 for \"x\" too"),
    ("added_tokens", [["id": 3, "content": "x"], ["id": 4, "content": "x"]], "", "found 4"),
  ]

  @Test("The tokenizer that the bad ones are made from is good")
  func good() throws {
    #expect(try makeTokenizer(Self.valid).encode("ab<x>ba") == [2, 3, 1, 0])
  }

  @Test("Each is refused by the name of what is wrong", arguments: invalid.indices)
  func refused(index: Int) throws {
    let (member, value, keyPath, reason) = Self.invalid[index]
    let json = Self.valid.setting(member, value)
    do {
      _ = try makeTokenizer(json)
      Issue.record("read \(member) = \(value.serialized())")
    } catch let error as TokenizationError {
      #expect(error.keyPath == keyPath)
      #expect(error.reason.contains(reason), "\(error)")
      #expect(error.description.hasPrefix("tokenizer.json: "))
    }
  }

  @Test("A pattern that backtracks without end is given up on, and runs of spaces are not")
  func hostilePattern() throws {
    let hostile = try makeTokenizer(Self.valid.setting("pre_tokenizer", Self.split("(a+)+$(?!a)|(a|aa)+c")))
    #expect(throws: TokenizationError.self) {
      try hostile.encode(String(repeating: "a", count: 5000) + "b")
    }
    let spaces = String(repeating: " ", count: 200_000) + "x"
    let tokenizer = try Fixture.smolLM2.get()
    #expect(tokenizer.decode(try tokenizer.encode(spaces)) == spaces)
  }

  @Test("Deep sequences of pre-tokenizers and processors are read or refused")
  func nesting() throws {
    var steps: JSON = ["type": "ByteLevel"]
    var processors: JSON = ["type": "ByteLevel"]
    for _ in 0..<200 {
      steps = ["type": "Sequence", "pretokenizers": [steps]]
      processors = ["type": "Sequence", "processors": [processors]]
    }
    let json = Self.valid.setting("pre_tokenizer", steps).setting("post_processor", processors)
    #expect(try makeTokenizer(json).encode("ab") == [2])
  }

  static let vocabulary: TokenizerVocabulary = {
    var vocabulary = TokenizerVocabulary(source: "model.gguf")
    vocabulary.preTokenizer = "gpt-2"
    vocabulary.tokens = ByteStrings(["a", "b", "ab", "<x>"])
    vocabulary.kinds = [.normal, .normal, .normal, .control]
    vocabulary.merges = ByteStrings(["a b"])
    return vocabulary
  }()

  @Test("GGUF metadata are refused by the key of what is wrong")
  func metadata() throws {
    #expect(try Tokenizer(vocabulary: Self.vocabulary).encode("ab<x>") == [2, 3])
    let damages: [(String, String, @Sendable (inout TokenizerVocabulary) -> Void)] = [
      ("tokenizer.ggml.model", "\"rwkv\" is not supported", { $0.model = "rwkv" }),
      ("tokenizer.ggml.scores", "each of 4 tokens, found 0", { $0.model = "llama" }),
      (
        "tokenizer.ggml.scores", "finite",
        {
          $0.model = "t5"; $0.scores = [0, .nan, 0, 0]
        }
      ),
      ("", "unknown words", { $0.model = "bert" }),
      ("tokenizer.ggml.pre", "odd", { $0.preTokenizer = "odd" }),
      ("tokenizer.ggml.token_type", "found 1", { $0.kinds = [.normal] }),
      ("tokenizer.ggml.tokens", "id 4", { $0.bosID = 4 }),
      ("tokenizer.ggml.tokens", "id -1", { $0.eosID = -1 }),
      (
        "tokenizer.ggml.tokens[4]", "UTF-8",
        {
          $0.tokens.append([0xFF]); $0.kinds.append(.normal)
        }
      ),
      ("merges[1]", "\"b\", \"a\"", { $0.merges.append("b a".utf8) }),
    ]
    for (keyPath, reason, damage) in damages {
      var vocabulary = Self.vocabulary
      damage(&vocabulary)
      do {
        _ = try Tokenizer(vocabulary: vocabulary)
        Issue.record("\(keyPath) was accepted")
      } catch {
        #expect(error.keyPath == keyPath)
        #expect(error.reason.contains(reason))
      }
    }
  }
}
