import Checkpoints
import Foundation
import Storage
import Testing

/// Input that is at fault: one sentence that says where and what to do, exit code 1, and nothing left behind.
@Suite struct FaultTranscriptTests {
  struct Fault: CustomTestStringConvertible, Sendable {
    var testDescription: String
    /// What the sentence must name.
    var says: [String]
    var arguments = ["edit", "model", "--pairs", "pairs.jsonl", "--out", "out"]
    /// Checkpoint that is copied as `model`.
    var model = "llama-untied"
    /// Damages what is in the folder.
    var prepare: @Sendable (TemporaryFolder) throws -> Void
  }

  private static let shard = "model/model-00001-of-00002.safetensors"

  static let faults: [Fault] = [
    Fault(
      testDescription: "a missing shard",
      says: ["model-00001-of-00002.safetensors", "fetch the missing file"]
    ) {
      try FileManager.default.removeItem(at: $0.url(shard))
    },
    Fault(testDescription: "a truncated shard", says: ["model-00001-of-00002.safetensors", "fetch it again"])
    {
      let bytes = try $0.read(shard)
      try $0.write(Array(bytes.dropLast(10)), shard)
    },
    Fault(
      testDescription: "a shard cut inside its header",
      says: ["model-00001-of-00002.safetensors", "fetch it again"]
    ) {
      let bytes = try $0.read(shard)
      try $0.write(Array(bytes.prefix(100)), shard)
    },
    Fault(testDescription: "an empty shard", says: ["model-00001-of-00002.safetensors", "fetch it again"]) {
      try $0.write([], shard)
    },
    Fault(
      testDescription: "a tensor of the wrong shape",
      says: ["layers.0.mlp.down_proj.weight", "[48, 56]", "[56, 48]"]
    ) {
      try replace("[48,56]", "[56,48]", shard, $0)
    },
    Fault(
      testDescription: "a missing tensor", says: ["model.layers.0.mlp.up_proj.weight", "missing"],
      model: "llama-tied"
    ) {
      try replace("layers.0.mlp.up_proj", "layers.0.mlp.xx_proj", "model/model.safetensors", $0)
    },
    Fault(
      testDescription: "NaN in a weight",
      says: ["model", "model.layers.1.mlp.up_proj.weight", "NaN or infinity"], model: "llama-tied"
    ) {
      var bytes = try $0.read("model/model.safetensors")
      let tensors = try SafetensorsFile(path: $0.url("model/model.safetensors").path).tensors
      let start = try #require(tensors["model.layers.1.mlp.up_proj.weight"]).bytes.lowerBound
      bytes.replaceSubrange(start..<start + 4, with: [0, 0, 0xC0, 0x7F])
      try $0.write(bytes, "model/model.safetensors")
    },
    Fault(
      testDescription: "infinity in a weight to be edited",
      says: ["model", "model.layers.2.mlp.down_proj.weight", "NaN or infinity"], model: "llama-tied"
    ) {
      var bytes = try $0.read("model/model.safetensors")
      let tensors = try SafetensorsFile(path: $0.url("model/model.safetensors").path).tensors
      let start = try #require(tensors["model.layers.2.mlp.down_proj.weight"]).bytes.lowerBound
      bytes.replaceSubrange(start..<start + 4, with: [0, 0, 0x80, 0x7F])
      try $0.write(bytes, "model/model.safetensors")
    },
    Fault(testDescription: "an unknown family", says: ["config.json", "gpt_fancy", "llama"]) {
      try replace("\"llama\"", "\"gpt_fancy\"", "model/config.json", $0)
      try replace("LlamaForCausalLM", "GPTFancy", "model/config.json", $0)
    },
    Fault(testDescription: "no configuration", says: ["model", "config.json"]) {
      try FileManager.default.removeItem(at: $0.url("model/config.json"))
    },
    Fault(testDescription: "a configuration that is not JSON", says: ["config.json"]) {
      try $0.write("{\"model_type\": ", "model/config.json")
    },
    Fault(testDescription: "no tokenizer", says: ["tokenizer.json"]) {
      try FileManager.default.removeItem(at: $0.url("model/tokenizer.json"))
    },
    Fault(
      testDescription: "no model", says: ["nothing-here"],
      arguments: ["edit", "nothing-here", "--pairs", "pairs.jsonl", "--out", "out"]
    ) { _ in },
    Fault(testDescription: "no pairs", says: ["pairs.jsonl", "no pairs"]) { try $0.write("", "pairs.jsonl") },
    Fault(testDescription: "a file of pairs that is not there", says: ["pairs.jsonl"]) {
      try FileManager.default.removeItem(at: $0.url("pairs.jsonl"))
    },
    Fault(
      testDescription: "a pair with one side empty", says: ["pairs.jsonl, line 2", "rejected side is empty"]
    ) {
      try $0.write(
        #"{"chosen": "a", "rejected": "b"}"# + "\n" + #"{"chosen": "a", "rejected": " "}"#, "pairs.jsonl")
    },
    Fault(testDescription: "pairs without a column", says: ["pairs.jsonl, line 1", "--columns"]) {
      try $0.write(#"{"good": "a", "rejected": "b"}"#, "pairs.jsonl")
    },
    Fault(
      testDescription: "columns that are not there", says: ["pairs.tsv", "nice"],
      arguments: [
        "edit", "model", "--pairs", "pairs.tsv", "--columns", "chosen=nice,rejected=rude", "--out", "out",
      ]
    ) { try $0.write("kind\trude\na\tb\n", "pairs.tsv") },
    Fault(testDescription: "pairs that are not JSON", says: ["pairs.jsonl, line 2"]) {
      try $0.write(#"{"chosen": "a", "rejected": "b"}"# + "\n{chosen", "pairs.jsonl")
    },
    Fault(
      testDescription: "fewer pairs than directions", says: ["--rank 2", "pairs"],
      arguments: ["edit", "model", "--pairs", "pairs.jsonl", "--recipe", "paper", "--out", "out"]
    ) {
      try $0.write(#"{"chosen": "a", "rejected": "b"}"#, "pairs.jsonl")
    },
    Fault(
      testDescription: "blocks that the model does not have", says: ["--layers 2-9", "1-3"],
      arguments: ["edit", "model", "--pairs", "pairs.jsonl", "--layers", "2-9", "--out", "out"]
    ) { _ in },
    Fault(testDescription: "an output folder that exists", says: ["out", "exists"]) {
      try FileManager.default.createDirectory(at: $0.url("out"), withIntermediateDirectories: false)
    },
    Fault(
      testDescription: "an output file that exists", says: ["model/config.json", "exists"],
      arguments: ["fit", "model", "--pairs", "pairs.jsonl", "--out", "model/config.json"]
    ) { _ in },
    Fault(
      testDescription: "an output in a folder that is not there", says: ["a/b", "no folder"],
      arguments: ["edit", "model", "--pairs", "pairs.jsonl", "--out", "a/b"]
    ) { _ in },
    Fault(
      testDescription: "a truncated GGUF", says: ["m.gguf"],
      arguments: ["edit", "m.gguf", "--pairs", "pairs.jsonl", "--out", "out"]
    ) {
      try $0.write(Array("GGUF".utf8) + [3, 0, 0, 0, 200], "m.gguf")
    },
    Fault(
      testDescription: "a GGUF that is something else", says: ["m.gguf"],
      arguments: ["edit", "m.gguf", "--pairs", "pairs.jsonl", "--out", "out"]
    ) {
      try $0.write("version https://git-lfs.github.com/spec/v1\n", "m.gguf")
    },
    Fault(
      testDescription: "weights that are a Git LFS pointer", says: ["model.safetensors", "git lfs pull"],
      model: "llama-tied"
    ) {
      try $0.write(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "model/model.safetensors")
    },
    Fault(
      testDescription: "a subspace that is not one", says: ["s.safetensors"],
      arguments: ["apply", "model", "--subspace", "s.safetensors", "--out", "out"]
    ) {
      try $0.write("no", "s.safetensors")
    },
    Fault(
      testDescription: "a folder that was not edited", says: ["model", "profs.json"],
      arguments: ["verify", "model"]
    ) { _ in },
    Fault(
      testDescription: "texts without a line", says: ["t.txt"],
      arguments: ["embed", "model", "--texts", "t.txt", "--out", "e"]
    ) {
      try $0.write("", "t.txt")
    },
    Fault(
      testDescription: "a text that is too short for a perplexity", says: ["token"],
      arguments: ["perplexity", "model", "--text", "t.txt"]
    ) {
      try $0.write("", "t.txt")
    },
  ]

  @Test("Input at fault gets one sentence and exit code 1 and leaves nothing", arguments: faults)
  func faulty(_ fault: Fault) throws {
    let folder = try TemporaryFolder()
    try folder.copyModel(fault.model, as: "model")
    try FileManager.default.copyItem(atPath: Fixture.pairs, toPath: folder.url("pairs.jsonl").path)
    try fault.prepare(folder)
    let before = try folder.contents()
    let run = try Transcript(fault.arguments + ["--quiet"], in: folder)
    expectOneSentence(run, fault.says)
    #expect(try folder.contents() == before)
  }

  @Test("A file that may not be read is named", .enabled(if: geteuid() != 0, "root reads everything"))
  func unreadable() throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0], ofItemAtPath: folder.url("model/model.safetensors").path)
    let run = try Transcript(["edit", "model", "--pairs", Fixture.pairs, "--out", "out"], in: folder)
    expectOneSentence(run, ["model.safetensors", "permissions"])
  }

  @Test(
    "A full disk is reported and nothing stays on it",
    .enabled(if: canMount, "needs the right to mount a small disk"))
  func fullDisk() throws {
    let folder = try TemporaryFolder()
    let disk = folder.url("disk")
    try #require(try Self.mount(disk))
    defer { Self.unmount(disk) }
    for arguments in [
      ["edit", Fixture.model("llama-tied"), "--pairs", Fixture.pairs, "--out", "disk/out"],
      ["embed", Fixture.model("llama-tied"), "--texts", "t.txt", "--out", "disk/e.safetensors"],
    ] {
      try folder.write(String(repeating: "a\n", count: 400), "t.txt")
      expectOneSentence(try Transcript(arguments + ["--quiet"], in: folder), ["disk/", "free some space"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk.path).isEmpty)
    }
  }

  @Test(
    "Wrong usage is exit code 64",
    arguments: [
      ["edit"], ["edit", "m", "--pairs", "p", "--out", "o", "--rank", "0"],
      ["edit", "m", "--pairs", "p", "--out", "o", "--layers", "5-2"],
      ["edit", "m", "--pairs", "p", "--out", "o", "--strength", "0"],
      ["apply", "m", "--subspace", "s", "--out", "o", "--strength", "nan"],
      ["edit", "m", "--pairs", "p", "--out", "o", "--compute", "f8"],
      ["edit", "m", "--pairs", "p", "--out", "o", "--threads", "0"],
      ["generate", "m"], ["generate", "m", "--prompt", "p", "--top-k", "3"], ["tokenize", "m"],
      ["frobnicate"],
      ["perplexity", "m", "--text", "t", "--recipe", "detox-edit", "--window", "8"],
      ["perplexity", "m", "--text", "t", "--window", "1"], ["eval", "m", "--text", "t", "--stride", "0"],
      ["perplexity", "m", "--text", "t", "--window", "8", "--stride", "9"],
      ["generate", "m", "--prompt", "p", "--temperature", "nan"],
      ["generate", "m", "--prompt", "p", "--temperature", "inf"],
      ["chat", "m", "--temperature", "1", "--top-p", "nan"],
      ["eval", "m", "--prompts", "p", "--temperature=-1"],
      ["pairs", "mine", "m", "--prompts", "p", "--out", "o", "--temperature", "0"],
      ["fit", "m", "--pairs", "p", "--out", "o", "--columns", "good=a,bad=b"],
      ["pairs", "check", "p", "--columns", "chosen=a"],
    ])
  func usage(_ arguments: [String]) throws {
    let folder = try TemporaryFolder()
    let run = try Transcript(arguments, in: folder)
    #expect(run.status == 64)
    #expect(run.output.isEmpty && run.errors.hasPrefix("Error: "))
    #expect(try folder.contents().isEmpty)
  }

  @Test(
    "A result that standard output does not take is an error; without one, no file is taken for it",
    .enabled(if: FileSystem.exists("/dev/full")))
  func lostResult() throws {
    let folder = try TemporaryFolder()
    try folder.write("The cook wrote\n", "t.txt")
    let arguments = ["embed", Fixture.model("llama-tied"), "--texts", "t.txt", "--quiet", "--out"]
    #expect(try Transcript(arguments + ["expected.safetensors"], in: folder).status == 0)
    for (redirection, status) in [(">/dev/full", Int32(1)), (">&-", 0), ("<&- >&- 2>&-", 0)] {
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments =
        ["-c", "exec \"$0\" \"$@\" \(redirection)", Transcript.executable.path] + arguments
        + ["\(status).safetensors"]
      process.currentDirectoryURL = URL(filePath: folder.path)
      let errors = folder.url("stderr", log: true)
      try Data().write(to: errors)
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == status)
      let sentence = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
      #expect(status == 0 ? sentence.isEmpty : sentence.contains("standard output: cannot write: No space"))
      #expect(
        try folder.read("\(status).safetensors") == folder.read("expected.safetensors"), "\(redirection)")
      try folder.remove("\(status).safetensors")
    }
  }

  /// The one model that is large enough to be interrupted in the middle.
  static let realModel = Fixture.root + "/.models/smollm2-bf16"

  @Test(
    "Ctrl-C in the middle of an edit leaves nothing behind",
    .enabled(if: FileManager.default.fileExists(atPath: realModel), "needs .models/smollm2-bf16"),
    arguments: [false, true])
  func interrupted(whileWriting: Bool) throws {
    let folder = try TemporaryFolder()
    // The first of these takes seconds to compute, the second a moment.
    let pairs = whileWriting ? ["--limit", "2", "--recipe", "paper"] : ["--compute", "f32"]
    let process = try Transcript.launch(
      ["edit", Self.realModel, "--pairs", Fixture.pairs, "--out", "out", "--quiet"] + pairs, in: folder)
    var sawPartial = false
    let limit = ContinuousClock.now + .seconds(120)
    // Either as soon as something stands beside the output, or while the model computes.
    while process.isRunning, ContinuousClock.now < limit {
      sawPartial = try folder.contents().contains {
        $0.hasPrefix("out.partial-") && $0.hasSuffix("model.safetensors")
      }
      if sawPartial || !whileWriting { break }
      usleep(1000)
    }
    if !whileWriting { usleep(300_000) }
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGINT)
    #expect(sawPartial == whileWriting)
    #expect(try folder.contents().isEmpty)
    #expect(try Transcript(process, folder).errors.contains("interrupted"))
  }

  // MARK: Helpers

  /// One line on standard error that holds all of `parts`, nothing on standard output, exit code 1.
  private func expectOneSentence(_ run: Transcript, _ parts: [String]) {
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("profs: error: ") && run.errors.hasSuffix("\n"))
    #expect(run.errors.count(where: \.isNewline) == 1, "\(run.errors)")
    for part in parts { #expect(run.errors.contains(part), "\(run.errors)") }
  }

  private static func replace(_ old: String, _ new: String, _ name: String, _ folder: TemporaryFolder) throws
  {
    var bytes = try folder.read(name)
    let range = try #require(bytes.firstRange(of: Array(old.utf8)))
    bytes.replaceSubrange(range, with: Array(new.utf8))
    try folder.write(bytes, name)
  }

  /// Whether this process may mount a disk in memory.
  private static let canMount: Bool = {
    guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
    defer { unmount(folder.url("disk")) }
    return (try? mount(folder.url("disk"))) == true
  }()

  /// Mounts a disk of 120 kB, less than any of the models.
  private static func mount(_ disk: URL) throws -> Bool {
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: false)
    return run("/bin/mount", ["-t", "tmpfs", "-o", "size=120k", "tmpfs", disk.path]) == 0
  }

  private static func unmount(_ disk: URL) { _ = run("/bin/umount", [disk.path]) }

  private static func run(_ executable: String, _ arguments: [String]) -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
  }
}
