import Editing
import Evaluation
import Foundation
import Kernels
import Reporting
import Storage
import Studies
import SubspaceEditing
import Testing
import Tokenization
import Training
import Transformer

/// Readers of tasks, studies, and what runs leave for later ones.
extension Reader {
  static let chatTemplate = Reader(name: "chat-template") { _ in
    try ["chat", "jinja"].flatMap { name in
      let path = fixture("TokenizationTests/Fixtures/\(name).json")
      let file = try JSONDocument(parsing: try FileSystem.readFile(path, limit: 1 << 24), source: path).root
      return try #require(file["cases"]).elements.map { golden in
        // A case of the language without a result is one that fails.
        Sample(
          name: "chat_template.jinja", bytes: Array(try #require(golden["template"]?.string).utf8),
          isRefused: golden["results"] == nil && golden["result"]?.string == nil)
      }
    }
  } read: { sample, bytes, _ in
    let template = try ChatTemplate(text: String(decoding: bytes, as: UTF8.self), source: sample.name)
    let turns = [
      ChatMessage(.system, "Be kind."), ChatMessage(.user, "Hello\n"), ChatMessage(.assistant, "é"),
    ]
    let text = try template.render(turns, .init(bos: "<s>", eos: "</s>"), addsGenerationPrompt: true)
    #expect(text.utf8.count < 1 << 27)
  }

  /// Files of zero-shot tasks, in every layout, each alone in its folder.
  static let tasks = Reader(name: "tasks") { _ in
    let folder = fixture("EvaluationTests/Fixtures/tasks/files")
    // PIQA's own form has its answers in a second file.
    return try FileManager.default.subpathsOfDirectory(atPath: folder).sorted().filter {
      FileSystem.kind(of: folder + "/" + $0) == .file && !$0.hasPrefix("physicaliqa/")
    }.map { name in
      let bytes = try [UInt8](Data(contentsOf: URL(filePath: folder + "/" + name)))
      return Sample(name: name, bytes: bytes)
    }
  } read: { sample, bytes, scratch in
    let folder = "tasks/" + sample.name.replacing("/", with: "-")
    try FileManager.default.createDirectory(
      atPath: FileSystem.parent(of: scratch.path + "/" + folder + "/" + sample.name),
      withIntermediateDirectories: true)
    try scratch.write(bytes, folder + "/" + sample.name)
    for set in try TaskFolder(path: scratch.path + "/" + folder).questions() {
      #expect(!set.items.isEmpty)
    }
  }

  /// Every kind of record that a report shows, shown.
  static let records = Reader(name: "records") { _ in
    try FileManager.default.contentsOfDirectory(atPath: fixture("ReportingTests/Fixtures")).sorted().map {
      try sample("ReportingTests/Fixtures/" + $0)
    }
  } read: { sample, bytes, scratch in
    let record = try Record(path: scratch.write(bytes, sample.name))
    #expect(try Report([record], mask: { $0 }).html.hasSuffix("\n"))
  }

  /// The records of an evaluation that is taken up again.
  static let evaluation = Reader(name: "evaluation") { scratch in
    let log = try RecordLog(path: scratch.path + "/sound.json", settings: evaluationSettings)
    for unit in 0..<3 { _ = try log.unit("perplexity/\(unit)") { ["losses": [1.5, 2.25, .int(unit)]] } }
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: scratch.path + "/sound.json")))
    return [Sample(name: "evaluation.json", bytes: bytes)]
  } read: { sample, bytes, scratch in
    let log = try RecordLog(path: scratch.write(bytes, sample.name), settings: evaluationSettings)
    let record = try log.unit("perplexity/1") { ["losses": []] }
    _ = try log.read(record) { $0["losses"]?.elements.compactMap(\.number) }
    try log.finish(summary: [:])
  }

  private static let evaluationSettings: JSON = ["models": ["a", "b"], "seed": 3]

  /// The program's own studies.
  static let study = Reader(name: "study") { _ in
    try ShippedStudies.names.map { name in
      let field = try #require(try ShippedStudies.field(name))
      return Sample(name: name, bytes: Array(field.value.serialized().utf8))
    }
  } read: { sample, bytes, _ in
    let root = try JSONDocument(parsing: bytes, source: sample.name).root
    let study = try StudySpecification(SpecificationField(JSON(root), source: sample.name))
    #expect((1...1000).contains(study.subsets))
  }

  /// The state of a training run that is taken up again.
  static let training = Reader(name: "training") { scratch in
    let path = scratch.path + "/sound.safetensors"
    let run = try trainingRun()
    try run.computeReference()
    _ = try run.step()
    _ = try run.validate()
    try run.save(to: path)
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
    return [withHeader(Sample(name: "state", bytes: bytes))]
  } read: { sample, bytes, scratch in
    let run = try trainingRun()
    try run.resume(from: scratch.write(bytes, sample.name))
    // What is taken up can go on, or has come to its end.
    if !run.isFinished { _ = try run.step() }
  }

  private static func trainingRun() throws -> PreferenceTraining {
    let pair = ScoredPair(
      chosen: ScoredSequence(tokens: [1, 2, 3, 4], responseStart: 2),
      rejected: ScoredSequence(tokens: [1, 2, 5, 6], responseStart: 2))
    var recipe = TrainingRecipe()
    recipe.maximumSteps = 3
    return try PreferenceTraining(
      Model(path: fixture("TransformerTests/Fixtures/llama-tied")),
      ComputeContext(threads: 1, precision: .f32), recipe, training: .init(roles: [.mlpNorm]),
      pairs: [pair, pair], validation: [pair])
  }

  /// What an edit in place that was interrupted has left, finished: never outside its folder.
  static let journal = Reader(name: "journal") { _ in
    let first = "profs-journal 1\nconfig.json\na.safetensors\nconfig.json\nsub/b.json\n"
    let second = "profs-journal 2\nconfig.json\n+a.safetensors\n+config.json\n+sub/b.json\n-old.bin\n"
    return [first, second].map { Sample(name: "commit", bytes: Array($0.utf8)) }
  } read: { _, bytes, scratch in
    let folder = scratch.path + "/inner/model"
    try FileSystem.remove(scratch.path + "/inner")
    let journal = folder + "/" + FolderJournal.name
    for path in ["/new/sub", "/held"] {
      try FileManager.default.createDirectory(atPath: journal + path, withIntermediateDirectories: true)
    }
    for name in ["config.json", "a.safetensors", "old.bin"] { try scratch.write([1], "inner/model/" + name) }
    for name in ["config.json", "a.safetensors", "sub/b.json"] {
      try scratch.write([2], "inner/model/\(FolderJournal.name)/new/" + name)
    }
    try scratch.write(bytes, "inner/model/\(FolderJournal.name)/commit")
    defer {
      let outside = try? FileManager.default.contentsOfDirectory(atPath: scratch.path + "/inner")
      #expect(outside == ["model"])
    }
    #expect(try FolderJournal.recover(folder) == .finished)
  }

  /// An edit written as an adapter, by the proof that reads it and beside its base.
  static let adapter = Reader(name: "adapter") { scratch in
    try writeEdit(.lora, to: scratch.path + "/adapter")
    return try ["adapter_config.json", "adapter_model.safetensors", Receipt.fileName].map { name in
      let bytes = try [UInt8](Data(contentsOf: URL(filePath: scratch.path + "/adapter/" + name)))
      let sample = Sample(name: name, bytes: bytes)
      return name.hasSuffix(".safetensors") ? withHeader(sample) : sample
    }
  } read: { sample, bytes, scratch in
    let path = scratch.path + "/adapter/" + sample.name
    let sound = try [UInt8](Data(contentsOf: URL(filePath: path)))
    try scratch.write(bytes, "adapter/" + sample.name)
    defer { _ = try? scratch.write(sound, "adapter/" + sample.name) }
    let base = try Model(path: editedBase)
    let edited = Result { try Model.edited(scratch.path + "/adapter", of: base) }
    let proof = try Verification(of: scratch.path + "/adapter", base: base)
    // An altered file is not proved: its hash stands in the receipt.
    #expect(!proof.holds || bytes == sound || sample.name == Receipt.fileName)
    _ = try edited.get()
  }
}
