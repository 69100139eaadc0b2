internal import Foundation
internal import PreferenceData
internal import Storage

/// Reads the data sets, each in its own form.
struct DataSources {
  /// Folder of the data sets.
  let folder: String

  /// The texts of one data set.
  struct Corpus {
    /// Its name in the recipe.
    var name: String
    /// Its licence, as stated at the source.
    var licence: String
    var training: [LabelledText] = []
    var calibration: [LabelledText] = []
    var test: [LabelledText] = []

    /// Adds a text to the split it belongs to.
    mutating func add(_ text: LabelledText, _ split: Split) {
      switch split {
      case .training: training.append(text)
      case .calibration: calibration.append(text)
      case .test: test.append(text)
      }
    }
  }

  private func path(_ name: String) -> String { folder + "/" + name }

  /// ParaDetox: a toxic sentence and its neutral rewrites, all of a sentence in one split.
  func paraDetox() throws -> Corpus {
    var corpus = Corpus(name: "paradetox", licence: "CC0-1.0")
    for record in try DataRecords.delimited(path("paradetox/paradetox.tsv")) {
      let toxic = record["toxic"] ?? ""
      let split = Split(group: toxic, test: 2, calibration: 2)
      corpus.add(LabelledText(text: toxic, label: 1), split)
      for column in ["neutral1", "neutral2", "neutral3"] {
        guard let neutral = record[column], !neutral.isEmpty else { continue }
        corpus.add(LabelledText(text: neutral, label: 0), split)
      }
    }
    return corpus
  }

  /// RealToxicityPrompts with Perspective's scores, prompts and continuations apart; both parts of a record in one
  /// split.
  func realToxicityPrompts() throws -> (prompts: Corpus, continuations: Corpus) {
    var prompts = Corpus(name: "rtp-prompts", licence: "Apache-2.0")
    var continuations = Corpus(name: "rtp-continuations", licence: "Apache-2.0")
    for name in ["toxic", "nontoxic"] {
      try DataRecords.json(path("rtp/\(name).jsonl")) { record, _ in
        guard let prompt = record["prompt"]?["text"]?.string,
          let continuation = record["continuation"]?["text"]?.string
        else { return }
        let split = Split(group: prompt + continuation, test: 6, calibration: 3)
        if let score = record["prompt"]?["toxicity"]?.double {
          prompts.add(LabelledText(text: prompt, label: Float(score)), split)
        }
        if let score = record["continuation"]?["toxicity"]?.double {
          continuations.add(LabelledText(text: continuation, label: Float(score)), split)
        }
      }
    }
    return (prompts, continuations)
  }

  /// Davidson and others' tweets: the label is the share of annotators who found hate or offence.
  func tweets() throws -> Corpus {
    var corpus = Corpus(name: "t-davidson", licence: "MIT")
    // Names, links and entities say nothing that other texts have.
    let noise = /https?:\/\/\S+|@\w+:?|&#?\w+;|\bRT\b/
    for record in try DataRecords.delimited(path("t-davidson/labeled_data.csv")) {
      guard let all = record["count"].flatMap(Float.init), all > 0,
        let hate = record["hate_speech"].flatMap(Float.init),
        let offence = record["offensive_language"].flatMap(Float.init), let tweet = record["tweet"]
      else { continue }
      let text = tweet.replacing(noise, with: " ")
      corpus.training.append(LabelledText(text: text, label: (hate + offence) / all))
    }
    return corpus
  }

  /// Ordinary prose, taken to be harmless: all endings of HellaSwag, the sentences of LAMBADA, and what the assistant
  /// says in harmless dialogues.
  func ordinaryTexts() throws -> [Corpus] {
    var endings = Corpus(name: "hellaswag", licence: "MIT")
    let lines = try TextList(path: path("zeroshot/hellaswag/hellaswag_val_full.txt")).texts
    for first in stride(from: 0, to: lines.count - 5, by: 6) {
      let context = lines[first].components(separatedBy: ": ").dropFirst().joined(separator: ": ")
      for text in [context] + lines[first + 2..<first + 6] {
        endings.training.append(LabelledText(text: text, label: 0))
      }
    }
    var novels = Corpus(name: "lambada", licence: "Apache-2.0")
    try DataRecords.json(path("zeroshot/llm-foundry/lambada_openai.jsonl")) { record, _ in
      for sentence in Self.sentences(record["context"]?.string ?? "") {
        novels.training.append(LabelledText(text: sentence, label: 0))
      }
    }
    var dialogues = Corpus(name: "hh-rlhf", licence: "MIT")
    try DataRecords.json(path("hh-rlhf/harmless-base-test.jsonl.gz")) { record, _ in
      for turn in (record["chosen"]?.string ?? "").components(separatedBy: "\n\nAssistant:").dropFirst() {
        for sentence in Self.sentences(turn.components(separatedBy: "\n\nHuman:")[0]) {
          dialogues.training.append(LabelledText(text: sentence, label: 0))
        }
      }
    }
    return [endings, novels, dialogues]
  }

  /// Sets for testing alone: no text of theirs, and none that holds seven words in a row of theirs, is trained on.
  func testSets() throws -> [Corpus] {
    var jigsaw = Corpus(name: "jigsaw-sample", licence: "none stated: for testing only")
    for name in ["train", "valid", "test_proced"] {
      for record in try DataRecords.delimited(path("jigsaw-sample/\(name).csv")) {
        guard let text = record["comment_text"], let label = record["toxic"].flatMap(Float.init) else {
          continue
        }
        jigsaw.test.append(LabelledText(text: text, label: label))
      }
    }
    let sets = try [("wikipedia-comments", "nonfuzzed"), ("wikipedia-comments-fuzzed", "fuzzed")].map {
      name, file in
      var corpus = Corpus(name: name, licence: "Apache-2.0; for testing only")
      for record in try DataRecords.delimited(path("conversationai-bias/toxicity_\(file)_testset.csv")) {
        corpus.test.append(
          LabelledText(text: record["comment"] ?? "", label: record["toxic"] == "True" ? 1 : 0))
      }
      return corpus
    }
    return [jigsaw] + sets
  }

  /// The sentences of a text that have more than ten characters.
  private static func sentences(_ text: String) -> [String] {
    var sentences: [String] = []
    var sentence = ""
    for character in text {
      let ends = sentence.last.map { ".!?".contains($0) } ?? false
      if character.isNewline || (ends && character.isWhitespace) {
        sentences.append(sentence)
        sentence = ""
      } else {
        sentence.append(character)
      }
    }
    return (sentences + [sentence]).filter { $0.count > 10 }
  }
}
