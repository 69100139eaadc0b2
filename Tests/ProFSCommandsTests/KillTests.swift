import Checkpoints
import Foundation
import Storage
import Testing

/// A run that is killed leaves the old state or the new one, and the next run completes.
@Suite(.serialized) struct KillTests {
  /// Kills of each kind of run; `PROFS_KILLS` asks for more.
  private static let kills = ProcessInfo.processInfo.environment["PROFS_KILLS"].flatMap { Int($0) } ?? 7

  /// What of a run was there when it ended.
  private struct Ending {
    var finished: Bool
    var seconds: Double
  }

  /// Starts `profs` and kills it after `seconds`, where it has not ended by then.
  private func run(_ arguments: [String], in folder: TemporaryFolder, killAfter seconds: Double) throws
    -> Ending
  {
    let start = Date()
    let process = try Transcript.launch(arguments + ["-q"], in: folder)
    while process.isRunning, Date().timeIntervalSince(start) < seconds { usleep(500) }
    let finished = !process.isRunning
    if !finished { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    return Ending(finished: finished, seconds: Date().timeIntervalSince(start))
  }

  /// Seconds from a run's start to its end.
  private func seconds(_ arguments: [String], in folder: TemporaryFolder) throws -> Double {
    let ending = try run(arguments, in: folder, killAfter: 60)
    try #require(ending.finished)
    return ending.seconds
  }

  /// Times to kill at: spread over a run, the later half twice as densely, for that is where it writes.
  private func moments(_ seconds: Double) -> [Double] {
    (0..<Self.kills).map { number in
      let share = (Double(number) + Double.random(in: 0..<1)) / Double(Self.kills)
      return seconds * (number % 3 == 0 ? share : 0.5 + share * 0.6)
    }
  }

  private func files(_ name: String, in folder: TemporaryFolder) throws -> [String: [UInt8]] {
    try folder.files(below: name)
  }

  /// What a folder's weights lie in; both have more than one file of them.
  enum Form: String, CaseIterable, Sendable {
    case safetensors
    /// Torch's, which an edit in place turns into safetensors.
    case torch

    /// The model's folder among the fixtures.
    fileprivate var fixture: String { self == .safetensors ? "llama-untied" : "qwen2" }

    /// Puts the model into `folder`, in place of an earlier one.
    fileprivate func put(in folder: TemporaryFolder) throws {
      let model = folder.url("model").path
      if FileSystem.exists(model) { try FileManager.default.removeItem(atPath: model) }
      try folder.copyModel(fixture, as: "model")
      guard self == .torch else { return }
      for name in try FileManager.default.contentsOfDirectory(atPath: model)
      where name.contains("safetensors") {
        try folder.remove("model/" + name)
      }
      let weights = Fixture.model("torch/" + fixture)
      for name in try FileManager.default.contentsOfDirectory(atPath: weights) {
        try FileManager.default.copyItem(atPath: weights + "/" + name, toPath: model + "/" + name)
      }
    }
  }

  /// A subspace of a fixture.
  private func fit(_ form: Form = .safetensors, in folder: TemporaryFolder) throws {
    // A projection: what is removed twice, by the run that was killed and by the next, is removed.
    let fit = [
      "fit", Fixture.model(form.fixture), "--pairs", Fixture.pairs, "--recipe", "paper", "--limit", "20",
      "--out", "s",
    ]
    try #require(try Transcript(fit, in: folder).status == 0)
  }

  @Test("edit leaves nothing or the whole output, and the next run makes it and removes what was left")
  func edit() throws {
    let folder = try TemporaryFolder()
    let edit = ["edit", Fixture.model("llama-untied"), "--pairs", Fixture.pairs, "--limit", "20", "--out"]
    let whole = try seconds(edit + ["whole"], in: folder)
    let expected = try files("whole", in: folder)
    for moment in moments(whole) {
      let ending = try run(edit + ["out"], in: folder, killAfter: moment)
      let exists = FileSystem.exists(folder.url("out").path)
      if ending.finished { #expect(exists) }
      if exists {
        #expect(try files("out", in: folder) == expected)
        try FileManager.default.removeItem(at: folder.url("out"))
      }
      // The same command again completes, and nothing but its output is left.
      #expect(try Transcript(edit + ["out", "-q"], in: folder).status == 0)
      #expect(try files("out", in: folder) == expected)
      try FileManager.default.removeItem(at: folder.url("out"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["whole"])
    }
  }

  @Test(
    "apply --in-place leaves the old model or the new one, or a journal that the next run finishes",
    arguments: Form.allCases)
  func inPlace(_ form: Form) throws {
    let folder = try TemporaryFolder()
    try fit(form, in: folder)
    let apply = ["apply", "model", "--subspace", "s", "--in-place"]
    try form.put(in: folder)
    let old = try files("model", in: folder)
    let whole = try seconds(apply, in: folder)
    let new = try files("model", in: folder)
    try #require(old != new)
    var states: [String: Int] = [:]
    for moment in moments(whole) {
      try form.put(in: folder)
      _ = try run(apply, in: folder, killAfter: moment)
      if FolderJournal.isUnfinished(folder.url("model").path) {
        states["unfinished", default: 0] += 1
        // Nobody takes it for either.
        for arguments in [["verify", "model"], ["inspect", "model"]] {
          let reader = try Transcript(arguments + ["-q"], in: folder)
          #expect(reader.status == 1 && reader.errors.contains("interrupted"), "\(reader.errors)")
        }
      } else {
        let found = try files("model", in: folder).filter { !$0.key.hasPrefix(FolderJournal.name) }
        #expect(found == old || found == new)
        states[found == old ? "old" : "new", default: 0] += 1
        if found == new { continue }
      }
      let next = try Transcript(apply + ["-q"], in: folder)
      #expect(next.status == 0, "\(next.errors)")
      #expect(try files("model", in: folder) == new)
      #expect(try Transcript(["verify", "model", "-q"], in: folder).status == 0)
    }
    // Most runs are killed before they decide; none may be lost.
    #expect(states.values.reduce(0, +) == Self.kills, "\(states)")
  }

  @Test("A run that goes on after a kill can itself be killed, again and again, and the last one completes")
  func resumed() throws {
    let folder = try TemporaryFolder()
    try fit(in: folder)
    let model = Fixture.model("llama-untied")
    for (arguments, path) in [
      (["apply", model, "--subspace", "s", "--out", "out"], "out"),
      (["apply", "model", "--subspace", "s", "--in-place"], "model"),
    ] {
      try folder.copyModel("llama-untied", as: "model")
      let whole = try seconds(arguments, in: folder)
      let expected = try files(path, in: folder)
      for name in ["out", "model"] { try? FileManager.default.removeItem(at: folder.url(name)) }
      try folder.copyModel("llama-untied", as: "model")
      for moment in moments(whole * 0.9) {
        if try run(arguments, in: folder, killAfter: moment).finished { break }
      }
      if try files("model", in: folder) != expected, !FileSystem.exists(folder.url("out").path) {
        let last = try Transcript(arguments + ["-q"], in: folder)
        #expect(last.status == 0, "\(last.errors)")
      }
      #expect(try files(path, in: folder) == expected)
      let proof = try Transcript(["verify", path, "-q"], in: folder)
      #expect(proof.status == 0)
      for name in ["out", "model"] { try? FileManager.default.removeItem(at: folder.url(name)) }
      // A run that was killed after its output had its name may leave the claim, which the next to that output removes.
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(left.filter { !$0.hasPrefix("\(path).partial-") } == ["s"])
      for name in left where name != "s" { try FileManager.default.removeItem(at: folder.url(name)) }
    }
  }
}
