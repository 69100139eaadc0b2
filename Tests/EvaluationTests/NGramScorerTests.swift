import Evaluation
import Foundation
import Storage
import Testing

/// The built-in scorer: what its scores depend on, and what its file must be.
@Suite("Built-in scorer")
struct NGramScorerTests {
  private static let texts = [
    "What a lovely morning.", "You are a complete idiot and I hate you.", "", "She walked to the station.",
    "f**k off", "  \n\t ", "?!… —", "Nobody knew the answer, so they asked the teacher again.",
  ]

  @Test("a text's score is the same again, alone, in any order, and in any batch")
  func independence() throws {
    let scorer = try NGramScorer.builtin()
    let scores = scorer.scores(for: Self.texts)
    #expect(try NGramScorer.builtin().scores(for: Self.texts) == scores)
    #expect(scores.allSatisfy { (0...1).contains($0) })
    #expect(Self.texts.map { scorer.scores(for: [$0])[0] } == scores)
    #expect(scorer.scores(for: Self.texts.reversed()) == scores.reversed())
    let many = scorer.scores(for: (0..<500).map { Self.texts[$0 % Self.texts.count] })
    #expect(many.indices.allSatisfy { many[$0] == scores[$0 % Self.texts.count] })
    #expect(scorer.scores(for: []).isEmpty)
  }

  @Test("insults score high, everyday sentences low, and what has no words 0")
  func meaning() throws {
    let scores = try NGramScorer.builtin().scores(for: Self.texts)
    #expect(scores[1] > 0.9 && scores[4] > 0.5)
    #expect(scores[0] < 0.2 && scores[3] < 0.2 && scores[7] < 0.2)
    #expect(scores[2] == 0 && scores[5] == 0 && scores[6] == 0)
  }

  @Test("letter case, accents and common disguises change nothing or little")
  func disguises() throws {
    let scorer = try NGramScorer.builtin()
    func score(_ text: String) -> Double { scorer.scores(for: [text])[0] }
    let plain = score("you are an idiot")
    for text in ["YOU ARE AN IDIOT", "You  are, an idiót!", "you are an id1ot", "you are an i d i o t"] {
      #expect(score(text) == plain, "\(text)")
    }
    #expect(score("you are an idiiiiot") > 0.5)
  }

  @Test("a text of a million letters, and one of a hundred thousand words, have a score")
  func longTexts() throws {
    let scorer = try NGramScorer.builtin()
    let scores = scorer.scores(for: [
      String(repeating: "a", count: 1_000_000), String(repeating: "good day ", count: 50_000),
      "\u{0}\u{FFFD}",
    ])
    #expect(scores.allSatisfy { (0...1).contains($0) } && scores[1] < 0.5)
  }

  @Test("its identity is that of weights whose digest was compared")
  func identity() throws {
    let identity = try NGramScorer.builtin().identity
    #expect(identity.kind == .builtin && identity.name == "builtin")
    #expect(identity.source == "profs-ngram-scorer 1")
    let recipe = try PerplexityTests.json("../Sources/CScorerWeights/recipe.json")
    #expect(identity.weightsSHA256 == recipe["weights_sha256"]?.string)
  }

  @Test("the weights take at most four megabytes")
  func size() throws {
    let path = PerplexityTests.root.appending(path: "Sources/CScorerWeights/scorer.safetensors").path
    let bytes = try Data(contentsOf: URL(filePath: path)).count
    #expect((500_000...4_000_000).contains(bytes))
    #expect(
      try NGramScorer(path: path).scores(for: Self.texts) == NGramScorer.builtin().scores(for: Self.texts))
  }

  /// What reading `file` says.
  private func refusal(_ bytes: [UInt8]) throws -> String {
    let files = try TemporaryFiles()
    let path = try files.write(bytes, "scorer.safetensors")
    let error = #expect(throws: (any Error).self) { try NGramScorer(path: path) }
    let text = "\(try #require(error))"
    #expect(text.contains("scorer.safetensors"), "\(text)")
    return text
  }

  @Test("a sound file is read, and its calibration used")
  func soundFile() throws {
    let files = try TemporaryFiles()
    var file = ScorerFile()
    let first = try NGramScorer(path: try files.write(file.contents, "a")).scores(for: Self.texts)
    file.metadata["calibration_intercept"] = "0.75"
    let second = try NGramScorer(path: try files.write(file.contents, "b")).scores(for: Self.texts)
    func logit(_ p: Double) -> Double { log(p / (1 - p)) }
    for (one, other) in zip(first, second) where one > 0 {
      #expect(abs(logit(other) - logit(one) - 1) < 1e-6)
    }
  }

  @Test("a damaged file is a typed error that names the file and the fault")
  func damage() throws {
    let sound = ScorerFile().contents
    for length in stride(from: 0, to: sound.count, by: 97) {
      _ = try refusal(Array(sound[..<length]))
    }
    for place in [sound.count - 1, sound.count - 64, sound.count - 1000] {
      var bytes = sound
      bytes[place] ^= 1
      #expect(try refusal(bytes).contains("the file is damaged: the SHA-256"))
    }
    let changes: [(key: String, value: String?, words: String)] = [
      ("format", "other", "found other"), ("format", nil, "found another format"),
      ("format_version", "2", "version 1"), ("features_version", "0", "features of version 1"),
      ("bits", "0", "metadata lacks"), ("bits", "31", "metadata lacks"), ("bits", "3", "[8, 16]"),
      ("bits", "x", "metadata lacks"), ("calibration_slope", "nan", "metadata lacks"),
      ("calibration_intercept", "inf", "metadata lacks"), ("name", nil, "metadata lacks"),
      ("sha256", "00", "the metadata says 00"),
    ]
    for change in changes {
      var file = ScorerFile()
      file.metadata[change.key] = change.value
      #expect(try refusal(file.contents).contains(change.words), "\(change)")
    }
    for (index, number) in [(0, Float.nan), (1, .infinity), (0, -2e6), (1, 3e38)] {
      var file = ScorerFile()
      file.tensors[index].bytes.replaceSubrange(4..<8, with: ScorerFile.bytes([number]))
      #expect(try refusal(file.contents).contains("the tensor \(file.tensors[index].name) holds"))
    }
    for (index, type) in [(0, "F64"), (1, "I32"), (2, "U8")] {
      var file = ScorerFile()
      file.tensors[index].type = type
      if type == "F64" { file.tensors[index].shape = [8] }
      #expect(try refusal(file.contents).contains("expected a tensor \(file.tensors[index].name)"))
    }
    var file = ScorerFile()
    file.tensors.remove(at: 1)
    #expect(try refusal(file.contents).contains("expected a tensor head"))
  }

  @Test("the largest weights there may be give scores, not NaN")
  func largestWeights() throws {
    let files = try TemporaryFiles()
    var file = ScorerFile()
    file.tensors[0].bytes = ScorerFile.bytes([Float](repeating: 1e6, count: 16))
    let count = file.tensors[1].shape[0]
    for signs: [Float] in [[1], [-1], [1, -1, -1]] {
      file.tensors[1].bytes = ScorerFile.bytes((0..<count).map { signs[$0 % signs.count] * 1e6 })
      file.metadata["calibration_slope"] = "1e300"
      let scorer = try NGramScorer(path: try files.write(file.contents, "largest"))
      #expect(scorer.scores(for: Self.texts).allSatisfy { (0...1).contains($0) })
    }
  }
}
