import Checkpoints
import Foundation
import Storage
import Testing

/// Where an edit goes: planned, in place, and from several subspaces.
@Suite struct OutputTranscriptTests {
  private static let model = Fixture.model("llama-untied")

  /// Fits a projection: what is removed twice is removed.
  private static func fit(
    _ name: String, _ options: [String], recipe: String = "paper", in folder: TemporaryFolder
  ) throws {
    let run = try Transcript(
      ["fit", model, "--pairs", Fixture.pairs, "--recipe", recipe, "--out", name] + options, in: folder)
    try #require(run.status == 0, "\(run.errors)")
  }

  @Test("--dry-run names every file with its size, memory, disk and time, and writes nothing")
  func dryRun() throws {
    let folder = try TemporaryFolder()
    try Self.fit("s", ["--limit", "20"], in: folder)
    let before = try folder.contents()
    for (arguments, stages) in [
      (["apply", Self.model, "--subspace", "s"], ["writing"]),
      (["edit", Self.model, "--pairs", Fixture.pairs, "--limit", "20"], ["fitting", "writing"]),
    ] {
      let text = try Transcript(arguments + ["--out", "out", "--dry-run"], in: folder)
      #expect(text.status == 0 && text.output.contains("nothing was written"), "\(text.errors)")
      #expect(text.output.contains("out/model-00001-of-00002.safetensors") && text.output.contains("free"))
      let plan = try Transcript(arguments + ["--out", "out", "--dry-run", "--json"], in: folder).json()
      #expect(try folder.contents() == before)
      #expect(plan["dry_run"]?.bool == true && plan["fits_on_disk"]?.bool == true)
      #expect(plan["seconds"]?.members.map(\.key) == stages)
      #expect(plan["memory_bytes"]?.int ?? 0 > 1 << 20 && plan["disk_free_bytes"]?.int ?? 0 > 1 << 20)
      // What is written is what was said, to the byte, but for the texts that tell what happened.
      #expect(try Transcript(arguments + ["--out", "out", "-q"], in: folder).status == 0)
      var planned: [String: Int] = [:]
      for file in plan["writes"]?.elements ?? [] {
        let (name, bytes) = (try #require(file["name"]?.string), try #require(file["bytes"]?.int))
        planned[name] = bytes
        let found = try folder.read("out/" + name).count
        if file["estimate"]?.bool == true {
          #expect(
            Double(found) < 2 * Double(bytes) && Double(bytes) < 3 * Double(found),
            "\(name): \(found), \(bytes)")
        } else {
          #expect(found == bytes, "\(name)")
        }
      }
      let written = try FileManager.default.subpathsOfDirectory(atPath: folder.url("out").path)
        .filter { FileSystem.kind(of: folder.url("out/" + $0).path) == .file }
      #expect(Set(written) == Set(planned.keys))
      #expect(plan["write_bytes"]?.int == planned.values.reduce(0, +))
      try FileManager.default.removeItem(at: folder.url("out"))
    }
    // What tells of a file stands beside it.
    let file = try Transcript(
      ["apply", Self.model, "--subspace", "s", "--out", "f.gguf", "--dry-run"], in: folder)
    #expect(file.output.contains("  f.gguf\n") && file.output.contains("f.gguf.profs/profs.json\n"))
    #expect(!file.output.contains("f.gguf/"), "\(file.output)")
    let paths =
      try Transcript(
        ["apply", Self.model, "--subspace", "s", "--out", "f.gguf", "--dry-run", "--json"], in: folder
      ).json()["writes"]?.elements.compactMap { $0["path"]?.string } ?? []
    #expect(paths.contains("f.gguf") && paths.contains("f.gguf.profs/profs.json"))
    // In place only what changes.
    try folder.copyModel("llama-untied", as: "model")
    let plan = try Transcript(
      ["apply", "model", "--subspace", "s", "--in-place", "--layers", "3", "--dry-run", "--json"], in: folder)
    let names = try plan.json()["writes"]?.elements.compactMap { $0["name"]?.string } ?? []
    #expect(
      !names.contains("config.json") && names.contains("profs.json")
        && names.contains { $0.hasPrefix("model-") })
  }

  @Test("A command that is named to be typed next is one for a shell, whatever the file is called")
  func shellWords() throws {
    let folder = try TemporaryFolder()
    let run = try Transcript(
      ["fit", Self.model, "--pairs", Fixture.pairs, "--recipe", "paper", "--out", "it's one"], in: folder)
    #expect(run.status == 0 && run.output.contains(#"--subspace 'it'\''s one' --out"#), "\(run.output)")
  }

  @Test("An output inside the model's folder, or with two places, is refused before anything is read")
  func refused() throws {
    let folder = try TemporaryFolder()
    try Self.fit("s", ["--limit", "9"], in: folder)
    try folder.copyModel("llama-untied", as: "model")
    try FileManager.default.createSymbolicLink(atPath: folder.url("link").path, withDestinationPath: "model")
    let before = try folder.contents()
    for out in ["model/out", "link/out", "model/../model/out"] {
      let run = try Transcript(["apply", "model", "--subspace", "s", "--out", out, "-q"], in: folder)
      #expect(run.status == 1 && run.errors.contains("inside the model's folder"), "\(run.errors)")
    }
    for arguments in [
      [], ["--out", "o", "--in-place"], ["--in-place", "--format", "lora"],
    ] {
      #expect(try Transcript(["apply", "model", "--subspace", "s"] + arguments, in: folder).status == 64)
    }
    let hub = try Transcript(["apply", "org/name", "--subspace", "s", "--in-place", "-q"], in: folder)
    #expect(hub.status == 1 && hub.errors.contains("--in-place needs"))
    #expect(try folder.contents() == before)
  }

  @Test("--in-place gives the files of --out, keeps what else is there, and refuses the same edit again")
  func inPlace() throws {
    let folder = try TemporaryFolder()
    try Self.fit("s", ["--limit", "20"], in: folder)
    try folder.copyModel("llama-untied", as: "model")
    try FileManager.default.createDirectory(at: folder.url("model/.git"), withIntermediateDirectories: false)
    try folder.write("kept", "model/.git/x")
    try folder.write("# Base\n", "model/README.md")
    try FileManager.default.copyItem(at: folder.url("model"), to: folder.url("base"))
    let out = try Transcript(["apply", "model", "--subspace", "s", "--out", "out", "-q"], in: folder)
    #expect(out.status == 0)
    let run = try Transcript(["apply", "model", "--subspace", "s", "--in-place"], in: folder)
    #expect(run.status == 0 && run.output.contains("profs verify model\n"), "\(run.errors)")
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.url("out").path)
    where FileSystem.kind(of: folder.url("out/" + name).path) == .file {
      #expect(try folder.read("model/" + name) == folder.read("out/" + name), "\(name)")
    }
    #expect(try folder.read("model/.git/x") == Array("kept".utf8))
    #expect(try Transcript(["verify", "model", "--base", "base", "-q"], in: folder).status == 0)
    let again = try Transcript(["apply", "model", "--subspace", "s", "--in-place", "-q"], in: folder)
    #expect(again.status == 1 && again.errors.contains("nothing changed"))
    #expect(!FileSystem.exists(folder.url("model/.profs-journal").path))
    // The whole job in place.
    try FileManager.default.removeItem(at: folder.url("model"))
    try folder.copyModel("llama-untied", as: "model")
    let edit = try Transcript(
      ["edit", "model", "--pairs", Fixture.pairs, "--limit", "20", "--in-place", "--json"], in: folder)
    #expect(try edit.status == 0 && edit.json()["verified"]?.bool == true, "\(edit.errors)")
    #expect(try Transcript(["verify", "model", "--base", Self.model, "-q"], in: folder).status == 0)
  }

  @Test(
    "Torch's files edited in place are safetensors afterwards, and what holds the old weights still is named")
  func inPlaceTorch() throws {
    for command in ["apply", "edit"] {
      let folder = try TemporaryFolder()
      try folder.copyModel("gpt2-bare", as: "model")
      try folder.remove("model/model.safetensors")
      let weights = Fixture.model("torch/gpt2-bare") + "/pytorch_model.bin"
      try FileManager.default.copyItem(atPath: weights, toPath: folder.url("model/pytorch_model.bin").path)
      try folder.write("x", "model/tf_model.h5")
      let fit = ["--pairs", Fixture.pairs, "--limit", "20", "--recipe", "paper", "--rank", "2"]
      var arguments = ["edit", "model", "--in-place"] + fit
      if command == "apply" {
        let run = try Transcript(["fit", "model", "--out", "s", "-q"] + fit, in: folder)
        #expect(run.status == 0, "\(run.errors)")
        arguments = ["apply", "model", "--subspace", "s", "--in-place"]
      }
      let run = try Transcript(arguments, in: folder)
      #expect(
        run.status == 0 && run.errors.contains("note: tf_model.h5 in the folder still holds"), "\(run.errors)"
      )
      #expect(!FileSystem.exists(folder.url("model/pytorch_model.bin").path))
      #expect(!FileSystem.exists(folder.url("model/.profs-journal").path))
      #expect(FileSystem.exists(folder.url("model/model.safetensors").path))
      #expect(try Transcript(["verify", "model", "-q"], in: folder).status == 0)
    }
  }

  @Test("A GGUF file can be edited in its place")
  func inPlaceGGUF() throws {
    let folder = try TemporaryFolder()
    let fixture = URL(filePath: Self.model).deletingLastPathComponent()
      .appending(path: "gguf/llama-untied.gguf")
    for name in ["m.gguf", "base.gguf"] {
      try FileManager.default.copyItem(at: fixture, to: folder.url(name))
    }
    try Self.fit("s", ["--limit", "20"], in: folder)
    let run = try Transcript(["apply", "m.gguf", "--subspace", "s", "--in-place", "-q"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try folder.read("m.gguf") != folder.read("base.gguf"))
    for options in [[], ["--base", "base.gguf"]] {
      #expect(try Transcript(["verify", "m.gguf", "-q"] + options, in: folder).status == 0)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "base.gguf", "m.gguf", "m.gguf.profs", "s",
      ])
  }

  @Test(
    "An edit in place that was interrupted is finished by the next run, which says so and does nothing else")
  func interrupted() throws {
    let folder = try TemporaryFolder()
    try Self.fit("s", ["--limit", "20"], in: folder)
    try folder.copyModel("llama-untied", as: "model")
    let before = try folder.read("model/config.json")
    #expect(
      try Transcript(["apply", "model", "--subspace", "s", "--out", "out", "-q"], in: folder).status == 0)
    // What a run leaves that died when it had moved the gate and one file.
    let journal = folder.url("model/.profs-journal")
    try FileManager.default.createDirectory(
      at: journal.appending(path: "held"), withIntermediateDirectories: true)
    var names = try FileManager.default.subpathsOfDirectory(atPath: folder.url("out").path)
      .filter { FileSystem.kind(of: folder.url("out/" + $0).path) == .file && $0 != "config.json" }.sorted()
    try FileManager.default.copyItem(at: folder.url("out"), to: journal.appending(path: "new"))
    try FileManager.default.removeItem(at: journal.appending(path: "new/config.json"))
    try Data((["profs-journal 1", "config.json"] + names).joined(separator: "\n").utf8)
      .write(to: journal.appending(path: "commit"))
    try FileManager.default.moveItem(
      at: folder.url("model/config.json"), to: journal.appending(path: "held/config.json"))
    let first = names.removeFirst()
    #expect(
      rename(journal.appending(path: "new/" + first).path, folder.url("model/" + first).path) == 0)
    for arguments in [
      ["verify", "model"], ["inspect", "model"], ["apply", "model", "--subspace", "s", "--out", "o"],
    ] {
      let run = try Transcript(arguments + ["-q"], in: folder)
      #expect(run.status == 1 && run.errors.contains("apply --in-place"), "\(run.errors)")
    }
    let run = try Transcript(["apply", "model", "--subspace", "s", "--in-place", "--json"], in: folder)
    #expect(try run.status == 0 && run.json()["finished_interrupted"]?.bool == true, "\(run.errors)")
    #expect(try folder.read("model/config.json") == before)
    #expect(try Transcript(["verify", "model", "--base", Self.model, "-q"], in: folder).status == 0)
  }

  @Test("Two subspaces are removed together, named in the receipt, and each alone finds nothing left")
  func combined() throws {
    let folder = try TemporaryFolder()
    try Self.fit("a", ["--limit", "20"], in: folder)
    try Self.fit("b", [], recipe: "detox-edit", in: folder)
    let run = try Transcript(
      ["apply", Self.model, "--subspace", "a", "--subspace", "b", "--out", "out", "--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try Transcript(["verify", "out", "--base", Self.model, "-q"], in: folder).status == 0)
    let receipt = try JSONDocument(parsing: folder.read("out/profs.json"), source: "profs.json").root
    let parts = receipt["subspace"]?["parts"]?.elements ?? []
    #expect(parts.map { $0["name"]?.string } == ["a", "b"])
    #expect(parts.map { $0["method"]?.string } == ["paper", "detox-edit"])
    for name in ["a", "b"] {
      let again = try Transcript(["apply", "out", "--subspace", name, "--out", "o", "-q"], in: folder)
      #expect(again.status == 1 && again.errors.contains("nothing changed"), "\(name): \(again.errors)")
    }
    let explained = try Transcript(
      ["explain", "out/profs/subspace.safetensors", "--model", Self.model, "--json"], in: folder)
    #expect(explained.status == 0)
    try Self.fit("c", ["--recipe", "oblique", "--neutral", Fixture.neutral], in: folder)
    let mixed = try Transcript(
      ["apply", Self.model, "--subspace", "a", "--subspace", "c", "--out", "o", "-q"], in: folder)
    #expect(mixed.status == 1 && mixed.errors.contains("no one projection does both"))
    let oblique = try Transcript(
      ["apply", Self.model, "--subspace", "c", "--subspace", "c", "--out", "o", "-q"], in: folder)
    #expect(oblique.status == 0, "\(oblique.errors)")
    #expect(try Transcript(["verify", "o", "--base", Self.model, "-q"], in: folder).status == 0)
  }
}
