import Checkpoints
import Foundation
import Kernels
import Storage
import Testing

/// The commands that only read a model.
@Suite struct ReadingTranscriptTests {
  /// The tiny models' tokenizer: two special tokens, then printable ASCII from the space on.
  static func ids(_ text: String) -> [Int] { text.utf8.map { Int($0) - 32 + 2 } }

  @Test("tokenize gives the ids of every text, in the file's order")
  func tokenize() throws {
    let folder = try TemporaryFolder()
    try folder.write("Hello\nA b, c!\n", "t.txt")
    try folder.write(#"{"text": "one"}"# + "\n" + #"{"prompt": {"text": "two"}}"# + "\n", "t.jsonl")
    for (arguments, texts) in [
      (["--texts", "t.txt"], ["Hello", "A b, c!"]), (["--texts", "t.jsonl"], ["one", "two"]),
      (["--text", "x y", "--text", "z"], ["x y", "z"]),
    ] {
      let run = try Transcript(
        ["tokenize", Fixture.model("llama-tied")] + arguments + ["--json"], in: folder)
      #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
      let found = try run.json()["texts"]?.elements.map { $0["ids"]?.elements.compactMap(\.int) ?? [] }
      #expect(found == texts.map(Self.ids))
    }
    let plain = try Transcript(["tokenize", Fixture.model("llama-tied"), "--text", "Hi"], in: folder)
    #expect(plain.output == Self.ids("Hi").map(String.init).joined(separator: " ") + "\n")
  }

  @Test("tokenize writes conversations in the model's chat format, and says how")
  func tokenizeConversations() throws {
    let folder = try TemporaryFolder()
    let conversation = #"{"messages": [{"role": "user", "content": "Hi"}]}"#
    try folder.write(conversation + "\n" + #"{"text": "one"}"# + "\n", "t.jsonl")
    let arguments = ["tokenize", Fixture.model("llama-tied"), "--texts", "t.jsonl", "--json"]
    let run = try Transcript(arguments + ["--chat-format", "zephyr", "--generation-prompt"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let texts = try #require(try run.json()["texts"]?.elements)
    let written = try #require(texts[0]["text"]?.string)
    #expect(written.hasPrefix("<|user|>\nHi") && written.hasSuffix("<|assistant|>\n"))
    #expect(texts[1]["text"] == nil && texts[1]["ids"]?.elements.compactMap(\.int) == Self.ids("one"))
    let alone = try Transcript(
      ["tokenize", Fixture.model("llama-tied"), "--text", written, "--json"], in: folder)
    func ids(_ text: JSONValue?) -> [Int]? { text?["ids"]?.elements.compactMap(\.int) }
    #expect(ids(try alone.json()["texts"]?.elements[0]) == ids(texts[0]))
    let refused = try Transcript(arguments, in: folder)
    #expect(refused.status == 1 && refused.errors.contains("--chat-format"), "\(refused.errors)")
  }

  @Test("embed writes [blocks, texts, hidden] in the file's order, whatever the pooling's company")
  func embed() throws {
    let folder = try TemporaryFolder()
    let goldens = try SafetensorsFile(path: Fixture.model("llama-tied") + "/goldens.safetensors").tensors
    // The golden sequences of the model, in two orders: the order of texts is that of the file.
    let texts = ["a", "Hello", "2 + 2 = 4, is it not?", "The quick brown fox jumps over the lazy dog."]
    for order in [[0, 1, 2, 3], [3, 1, 0, 2]] {
      try folder.write(order.map { texts[$0] + "\n" }.joined(), "t.txt")
      let run = try Transcript(
        [
          "embed", Fixture.model("llama-tied"), "--texts", "t.txt", "--compute", "f32", "--out",
          "\(order[0]).safetensors",
          "--json",
        ], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      let report = try run.json()
      #expect(report["blocks"]?.int == 3 && report["texts"]?.int == 4 && report["hidden"]?.int == 48)
      #expect(report["tokens"]?.int == texts.reduce(0) { $0 + $1.count })
      let file = try SafetensorsFile(path: folder.url("\(order[0]).safetensors").path)
      #expect(file.tensors.entries.map(\.name) == ["embeddings"])
      let entry = try #require(file.tensors["embeddings"])
      #expect(entry.shape == [3, 4, 48] && entry.type == .f32)
      let values = try file.tensors.floats(entry)
      for block in 1...3 {
        let golden = try goldens.floats(try #require(goldens["block.\(block)"]))
        for (place, text) in order.enumerated() {
          let first = texts[..<text].reduce(0) { $0 + $1.count }
          for dimension in 0..<48 {
            let mean =
              (first..<first + texts[text].count).reduce(0.0) { $0 + Double(golden[$1 * 48 + dimension]) }
              / Double(texts[text].count)
            let found = Double(values[((block - 1) * 4 + place) * 48 + dimension])
            #expect(abs(found - mean) < 1e-4)
          }
        }
      }
    }
  }

  @Test("generate is transformers' greedy continuation; a seed repeats a sample")
  func generate() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let goldens = try JSONDocument(
      parsing: FileSystem.readFile(model + "/goldens.json", limit: 1 << 20), source: "goldens")
    let sequences = goldens.root["sequences"]?.elements ?? []
    try folder.write(
      sequences.map { "{\"text\": \(JSON.string($0["text"]?.string ?? "").serialized())}\n" }.joined(),
      "p.jsonl")
    let run = try Transcript(
      ["generate", model, "--prompts", "p.jsonl", "--max-new-tokens", "8", "--compute", "f32", "--json"],
      in: folder)
    let found = try run.json()["continuations"]?.elements.map { $0["ids"]?.elements.compactMap(\.int) ?? [] }
    #expect(found == sequences.map { $0["continuation"]?.elements.compactMap(\.int) ?? [] })

    func sample(_ seed: String) throws -> String {
      try Transcript(
        [
          "generate", model, "--prompt", "The", "--temperature", "8", "--seed", seed, "--json",
          "--max-new-tokens", "12",
        ],
        in: folder
      ).output
    }
    #expect(try sample("1") == sample("1"))
    #expect(try sample("1") != sample("2"))
  }

  @Test("the built-in text is Data/neutral.txt")
  func builtinText() throws {
    let folder = try TemporaryFolder()
    func measured(_ text: String) throws -> [Double?] {
      let run = try Transcript(
        ["perplexity", Fixture.model("llama-tied"), "--text", text, "--limit", "2000", "--json"], in: folder)
      let report = try run.json()
      return ["perplexity", "tokens"].map { report[$0]?.double ?? report[$0]?.int.map(Double.init) }
    }
    let builtin = try measured("builtin")
    let file = try measured(Fixture.root + "/Data/neutral.txt")
    #expect(builtin[0] != nil && builtin == file)
  }

  @Test("perplexity is e to the mean loss, and both recipes agree on one window")
  func perplexity() throws {
    let folder = try TemporaryFolder()
    let text = String(repeating: "The quick brown fox. ", count: 5)
    try folder.write(text, "t.txt")
    let base = ["perplexity", Fixture.model("llama-tied"), "--text", "t.txt", "--compute", "f32", "--json"]
    let whole = try Transcript(base, in: folder).json()
    #expect(whole["tokens"]?.int == text.count - 1)
    let perplexity = try #require(whole["perplexity"]?.double)
    let loss = try #require(whole["nll"]?.double) / Double(text.count - 1)
    #expect(abs(perplexity - exp(loss)) < 1e-9 * perplexity)
    let windows = try Transcript(base + ["--window", "32", "--stride", "16"], in: folder).json()
    #expect(windows["tokens"]?.int == text.count - 1)
    #expect(windows["perplexity"]?.double != perplexity)
    let published = try Transcript(base + ["--recipe", "detox-edit"], in: folder).json()
    #expect(abs((published["perplexity"]?.double ?? 0) - perplexity) < 1e-6 * perplexity)
    #expect(try Transcript(base + ["--limit", "20"], in: folder).json()["tokens"]?.int == 19)
  }

  @Test(
    "tasks gives the harness's figures, with every question's log-probabilities; names and a limit choose")
  func tasks() throws {
    let folder = try TemporaryFolder()
    let base = ["tasks", Fixture.model("llama-tied"), "--data", Fixture.tasks]
    let run = try Transcript(base + ["--json"], in: folder)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let found = try run.json()["tasks"]?.elements ?? []
    #expect(found.compactMap { $0["task"]?.string } == ["arc_easy", "openbookqa", "piqa"])
    let goldens = try JSONDocument(
      parsing: FileSystem.readFile(Fixture.taskScores, limit: 1 << 20), source: "tiny-scores"
    ).root.elements.first { $0["model"]?.string == "llama-tied" }
    for task in found {
      let golden = try #require(
        goldens?["tasks"]?.elements.first { $0["file"]?.string == "hub/\(task["task"]?.string ?? "").jsonl" })
      for metric in ["acc", "acc_norm"] {
        #expect(task[metric]?.double == golden["metrics"]?[metric]?.double)
      }
      let (records, items) = (task["records"]?.elements ?? [], golden["items"]?.elements ?? [])
      #expect(records.count == items.count && task["items"]?.int == items.count)
      for (record, item) in zip(records, items) {
        let (ours, theirs) = (
          record["log_probabilities"]?.elements ?? [], item["log_probabilities"]?.elements ?? []
        )
        #expect(ours.count == theirs.count && ours.count == record["bytes"]?.count)
        for (a, b) in zip(ours, theirs) {
          #expect(abs((a.double ?? 0) - (b.double ?? 1)) < 1e-4 * abs(b.double ?? 1))
        }
      }
    }
    let some = try Transcript(base + ["--task", "piqa,arc_easy", "--limit", "1", "--quiet"], in: folder)
    #expect(some.errors.isEmpty)
    let line = /(\w+) +acc [01]\.0000  acc_norm [01]\.0000  \(1 question\)/
    #expect(
      some.output.split(separator: "\n").map { try? line.wholeMatch(in: $0)?.1 } == ["piqa", "arc_easy"])
    let absent = try Transcript(base + ["--task", "rte"], in: folder)
    #expect(absent.status == 1 && absent.errors.contains("rte") && absent.errors.contains(Fixture.tasks))
    #expect(try Transcript(base + ["--task", "squad"], in: folder).status == 64)
    #expect(try Transcript(base + ["--limit", "0"], in: folder).status == 64)
  }

  @Test("Limits below what a command can use are usage errors, and a packed text is not measured as it lies")
  func limits() throws {
    let folder = try TemporaryFolder()
    try folder.write("Hello", "t.txt.gz")
    let model = Fixture.model("llama-tied")
    let perplexity = ["perplexity", model, "--text", "t.txt.gz"]
    for arguments in [
      perplexity + ["--limit=-1"], ["inspect", model, "--max-tokens=-1"], ["inspect", model, "--limit", "0"],
      ["inspect", model, "--pairs", Fixture.pairs, "--columns", "chosen"],
    ] {
      #expect(try Transcript(arguments, in: folder).status == 64, "\(arguments)")
    }
    let packed = try Transcript(perplexity, in: folder)
    #expect(packed.status == 1 && packed.errors.contains("unpack"), "\(packed.errors)")
  }

  static let sentenceEncoder = Fixture.root + "/.models/all-MiniLM-L6-v2"

  @Test(
    "embed --normalize of all-MiniLM-L6-v2 is its sentence embedding to 1e-5",
    .enabled(
      if: FileManager.default.fileExists(atPath: sentenceEncoder),
      "the sentence encoder is absent: Scripts/fetch-models.py minilm"))
  func sentenceEmbeddings() throws {
    let folder = try TemporaryFolder()
    let run = try Transcript(
      [
        "embed", Self.sentenceEncoder, "--texts", Fixture.sentences + "/texts.jsonl", "--max-tokens", "256",
        "--normalize", "--compute", "f32", "--out", "e.safetensors", "--json",
      ], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    func tensor(_ path: String) throws -> (shape: [Int], values: [Float]) {
      let tensors = try SafetensorsFile(path: path).tensors
      let entry = try #require(tensors["embeddings"])
      return (entry.shape, try tensors.floats(entry))
    }
    let golden = try tensor(Fixture.sentences + "/embeddings.safetensors")
    let found = try tensor(folder.url("e.safetensors").path)
    #expect(found.shape == [6, 9, 384] && golden.shape == [9, 384])
    let last = found.values.suffix(golden.values.count)
    let largest = zip(last, golden.values).map { abs($0 - $1) }.max() ?? .infinity
    print("all-MiniLM-L6-v2: largest difference of an element \(largest)")
    #expect(largest < 1e-5)
    for row in stride(from: 0, to: golden.values.count, by: 384) {
      let distance = zip(last.dropFirst(row), golden.values[row..<row + 384]).reduce(0.0) { sum, pair in
        sum + Double(pair.0 - pair.1) * Double(pair.0 - pair.1)
      }
      #expect(distance.squareRoot() < 1e-5)
    }
  }
}
