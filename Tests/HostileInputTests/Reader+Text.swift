import Checkpoints
import Foundation
import PreferenceData
import Storage
import Testing
import Tokenization

/// Readers of tokenizers and of texts.
extension Reader {
  private static let tokenization = "TokenizationTests/Fixtures/"

  /// Encodes and decodes.
  private static func exercise(_ tokenizer: Tokenizer) throws {
    for text in ["", "Hello  wörld \u{FDFA} e\u{301}x 漢字 <s>", String(repeating: "ab c", count: 100)] {
      _ = tokenizer.decode(try tokenizer.encode(text))
    }
    _ = tokenizer.huggingFaceJSON()
  }

  /// `tokenizer.json` of every kind, with the beginning of its vocabulary.
  static let tokenizerJSON = Reader(name: "tokenizer.json") { _ in
    let path = fixture(tokenization + "kinds.json")
    let file = try JSONDocument(
      parsing: try FileSystem.readFile(path, limit: 1 << 24), source: path
    ).root
    return try #require(file["cases"]).elements.map { pipeline in
      let name = try #require(pipeline["vocabulary"]?.string)
      let vocabulary = JSON(try #require(file["vocabularies"]?[name]))
      let merges = (file["merges"]?[name]).map { JSON($0) }
      guard case .object(var tokenizer) = JSON(try #require(pipeline["tokenizer"])),
        case .object(var model)? = tokenizer["model"]
      else { throw CocoaError(.fileReadCorruptFile) }
      (model["vocab"], model["merges"]) = beginning(vocabulary, merges)
      tokenizer["model"] = .object(model)
      return Sample(
        name: pipeline["text"]?.string ?? "", bytes: Array(JSON.object(tokenizer).serialized().utf8))
    }
  } read: { sample, bytes, _ in
    try exercise(
      Tokenizer(tokenizerJSON: JSONDocument(parsing: bytes, source: "the tokenizer.json of \(sample.name)")))
  }

  /// A vocabulary's first tokens and the merges that need no others.
  private static func beginning(_ vocabulary: JSON, _ merges: JSON?) -> (JSON, JSON?) {
    if case .array(let tokens) = vocabulary { return (.array(Array(tokens.prefix(300))), merges) }
    guard case .object(let members) = vocabulary else { return (vocabulary, merges) }
    let kept = members.list.prefix(400)
    let names = Set(kept.map(\.key))
    guard case .array(let pairs)? = merges else {
      return (.object(kept.map { ($0.key, $0.value) }), merges)
    }
    let fitting = pairs.filter { merge in
      let parts: [String] =
        switch merge {
        case .string(let text): text.split(separator: " ").map(String.init)
        case .array(let parts): parts.compactMap { if case .string(let part) = $0 { part } else { nil } }
        default: []
        }
      return parts.count == 2 && (parts + [parts.joined()]).allSatisfy(names.contains)
    }
    return (.object(kept.map { ($0.key, $0.value) }), .array(fitting))
  }

  static let tokenizerConfig = Reader(name: "tokenizer_config.json") { _ in
    [
      #"{"bos_token":"<s>","eos_token":{"content":"</s>","special":true},"add_bos_token":true,"add_eos_token":false,"#
        + #""added_tokens_decoder":{"0":{"content":"<s>","special":true},"1":{"content":"</s>","lstrip":true}},"#
        + #""tokenizer_class":"LlamaTokenizer","unk_token":null,"add_prefix_space":true,"legacy":false}"#,
      #"{"pad_token":"!","tokenizer_class":"GPT2Tokenizer","additional_special_tokens":["a","b"],"cls_token":"c"}"#,
    ].map { Sample(name: "tokenizer_config.json", bytes: Array($0.utf8)) }
  } read: { _, bytes, _ in
    let path = fixture("TransformerTests/Fixtures/gpt2/tokenizer.json")
    try exercise(
      Tokenizer(
        tokenizerJSON: JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 20), source: path),
        configJSON: JSONDocument(parsing: bytes, source: "tokenizer_config.json")))
  }

  static let sentencePiece = Reader(name: "tokenizer.model") { _ in
    let path = fixture(tokenization + "sentencepiece.json")
    let models = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 24), source: path).root
    return models.elements.compactMap { $0["model"]?.string.flatMap { Data(base64Encoded: $0) } }
      .filter { $0.count > 100 }.map { Sample(name: "tokenizer.model", bytes: Array($0)) }
  } read: { _, bytes, _ in
    try exercise(Tokenizer(sentencePiece: bytes, source: "tokenizer.model"))
  }

  static let tekken = Reader(name: "tekken.json") { _ in
    let path = fixture(tokenization + "cuts.json")
    let file = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 24), source: path).root
    guard case .object(var tekken) = JSON(try #require(file["tekken"]?["file"])),
      case .array(let tokens)? = tekken["vocab"]
    else { throw CocoaError(.fileReadCorruptFile) }
    tekken["vocab"] = .array(Array(tokens.prefix(280)))
    return [275, 290].map { size in
      tekken["config"] = [
        "pattern": #"\p{L}+|\s"#, "default_vocab_size": .int(size), "default_num_special_tokens": 10,
      ]
      return Sample(name: "tekken.json", bytes: Array(JSON.object(tekken).serialized().utf8))
    }
  } read: { _, bytes, _ in
    try exercise(Tokenizer(tekken: JSONDocument(parsing: bytes, source: "tekken.json")))
  }

  static let wordPieces = Reader(name: "vocab.txt") { _ in
    let words = [
      "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##llo", "he", "##é", "漢", "a", "##b", "!",
    ]
    return ["\n", "\r\n"].map { end in
      Sample(name: "vocab.txt", bytes: Array((words.joined(separator: end) + end).utf8))
    }
  } read: { _, bytes, _ in
    try exercise(Tokenizer(wordPieces: bytes, source: "vocab.txt"))
  }

  static let bytePairFiles = Reader(name: "vocab.json and merges.txt") { _ in
    [
      Sample(
        name: "vocab.json",
        bytes: Array(#"{"<s>":0,"</s>":1,"a":2,"b":3,"\u0120":4,"ab":5,"<unk>":6,"\u0120ab":7}"#.utf8)),
      Sample(name: "merges.txt", bytes: Array("#version: 0.2\na b\n\u{120} ab\r\n".utf8)),
      Sample(
        name: "tokenizer_config.json",
        bytes: Array(
          #"{"tokenizer_class":"RobertaTokenizer","cls_token":{"content":"<s>"},"added_tokens_decoder":{"6":{"content":"<unk>"}}}"#
            .utf8)),
    ]
  } read: { sample, bytes, _ in
    func text(_ name: String, _ otherwise: String) -> [UInt8] {
      sample.name == name ? bytes : Array(otherwise.utf8)
    }
    func document(_ name: String, _ otherwise: String) throws -> JSONDocument {
      try JSONDocument(parsing: text(name, otherwise), source: name)
    }
    try exercise(
      Tokenizer(
        bytePairs: BytePairFiles(
          vocabulary: document(
            "vocab.json", #"{"<s>":0,"</s>":1,"a":2,"b":3,"\u0120":4,"ab":5,"<unk>":6,"\u0120ab":7}"#),
          merges: text("merges.txt", "a b\n"),
          config: document("tokenizer_config.json", #"{"tokenizer_class":"GPT2Tokenizer","bos_token":"<s>"}"#)
        )))
  }

  static let pairs = Reader(name: "pairs") { _ in
    let table = "prompt,chosen,rejected\n\"a, b\",\"c \"\"d\"\"\",e\n,f\u{E9},\"g\nh\"\n"
    let packed = """
      H4sIAAAAAAACA6tWKijKzy0oUbJSUEpU0lFQSs7IL07NA3GTFJJAAkWpWanJJakpIKFkpVquaiQdqBpS0JWnKsSUGhikWgJ1AQCjlz4m\
      aAAAAA==
      """
    return [
      Sample(name: "p.csv", bytes: Array(table.utf8)),
      Sample(name: "p.tsv", bytes: Array(table.replacingOccurrences(of: ",", with: "\t").utf8)),
      Sample(name: "p.json", bytes: Array(#"[{"prompt":"a","chosen":"b\u00e9","rejected":"c"}]"#.utf8)),
      Sample(
        name: "p.jsonl",
        bytes: Array(
          (#"{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"#
            + #""rejected":[{"role":"user","content":"a"}]}"# + "\n\n"
            + #"{"prompt_text":"a","unpert_gen_text":"b","pert_gen_text":"c"}"# + "\n").utf8)),
      Sample(name: "p.jsonl.gz", bytes: Array(try #require(Data(base64Encoded: packed)))),
      Sample(name: "t.txt", bytes: Array("one\r\ntwo é\n\nthree".utf8)),
      Sample(name: "t.jsonl", bytes: Array(#"{"prompt":{"text":"a","toxicity":0.5}}"#.utf8)),
    ]
  } read: { sample, bytes, scratch in
    let path = try scratch.write(bytes, sample.name)
    if sample.name.hasPrefix("t") {
      _ = try TextList(path: path)
    } else {
      let file = try PreferenceFile(path: path)
      for pair in file.pairs { _ = (pair.text(of: .chosen), pair.text(of: .rejected)) }
    }
  }
}
