import Foundation
import Storage
import Testing

/// A folder whose files change together: all of them or none.
@Suite struct FolderJournalTests {
  private static let old = [
    "config.json": "settings", "a": "old a", "b": "old b", "sub/c": "old c", "other": "stays",
  ]
  private static let changed = ["a": "new a", "b": "new b", "sub/c": "new c", "sub/deep/d": "new d"]

  /// A folder with the old files.
  private static func folder() throws -> (TemporaryFolder, String) {
    let scratch = try TemporaryFolder()
    let path = scratch.path("model")
    try write(old, to: path)
    return (scratch, path)
  }

  private static func write(_ files: [String: String], to root: String) throws {
    for (name, text) in files {
      let url = URL(filePath: root + "/" + name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
  }

  /// Every file below `root` with its text.
  private static func contents(_ root: String) throws -> [String: String] {
    var found: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: root)
    where FileSystem.kind(of: root + "/" + name) == .file {
      found[name] = try String(contentsOfFile: root + "/" + name, encoding: .utf8)
    }
    return found
  }

  private static var new: [String: String] { old.merging(changed) { $1 } }

  @Test("A committed journal puts every new file in its place and leaves the others and no trace")
  func committed() throws {
    let (scratch, path) = try Self.folder()
    defer { withExtendedLifetime(scratch) {} }
    let journal = try FolderJournal(path, gate: "config.json")
    for (name, text) in Self.changed { try journal.writeFile(name, Array(text.utf8)) }
    try journal.copyFile(path + "/other", as: "other")
    try journal.copyFile(path + "/other", as: "copy")
    #expect(journal.currentPath(of: "other") == path + "/other")
    #expect(try String(contentsOfFile: journal.currentPath(of: "a"), encoding: .utf8) == "new a")
    #expect(try Self.contents(path)["a"] == "old a" && !FolderJournal.isUnfinished(path))
    try journal.commit()
    #expect(try Self.contents(path) == Self.new.merging(["copy": "stays"]) { $1 })
    #expect(!FileSystem.exists(path + "/" + FolderJournal.name))
    #expect(try FolderJournal.recover(path) == .nothing)
  }

  @Test(
    "A committed journal removes the old files it names, and nothing else, whenever a run dies on the way")
  func removal() throws {
    let (scratch, path) = try Self.folder()
    defer { withExtendedLifetime(scratch) {} }
    let journal = try FolderJournal(path, gate: "config.json")
    try journal.writeFile("a2", Array("new".utf8))
    try journal.commit(removing: ["a", "b", "sub", "not there", "config.json"])
    let expected = ["config.json": "settings", "a2": "new", "sub/c": "old c", "other": "stays"]
    #expect(try Self.contents(path) == expected)

    // The order that the journal documents: the gate aside, the files, what goes, the gate back.
    for steps in 0...4 {
      let (scratch, path) = try Self.folder()
      defer { withExtendedLifetime(scratch) {} }
      let own = path + "/" + FolderJournal.name
      try Self.write(["new/a2": "new", "commit": "profs-journal 2\nconfig.json\n+a2\n-a\n-b\n"], to: own)
      try FileManager.default.createDirectory(atPath: own + "/held", withIntermediateDirectories: true)
      let actions: [() throws -> Void] = [
        { try #require(rename(path + "/config.json", own + "/held/config.json") == 0) },
        { try #require(rename(own + "/new/a2", path + "/a2") == 0) },
        { try FileManager.default.removeItem(atPath: path + "/a") },
        { try FileManager.default.removeItem(atPath: path + "/b") },
      ]
      for action in actions.prefix(steps) { try action() }
      #expect(try FolderJournal.recover(path) == .finished)
      #expect(try Self.contents(path) == expected, "\(steps) steps")
      #expect(!FileSystem.exists(own))
    }
  }

  @Test("A journal that would remove what is not in the folder itself is refused")
  func hostileRemoval() throws {
    for lines in [["+x", "-../outside"], ["+x", "-link/x"], ["+x", "-sub/c"], ["-a"], ["+x", "a"]] {
      let (scratch, path) = try Self.folder()
      let journal = path + "/" + FolderJournal.name
      try Self.write(["outside": "kept"], to: scratch.path(""))
      try FileManager.default.createSymbolicLink(
        atPath: path + "/link", withDestinationPath: scratch.path(""))
      let text = (["profs-journal 2", "config.json"] + lines).joined(separator: "\n") + "\n"
      try Self.write(["new/x": "x", "commit": text], to: journal)
      #expect(throws: StorageError.self, "\(lines)") { try FolderJournal.recover(path) }
      #expect(FileSystem.exists(scratch.path("outside")))
      #expect(try Self.contents(path)["sub/c"] == "old c" && Self.contents(path)["a"] == "old a")
    }
  }

  @Test("A journal that is let go of, and one of a run that died before it decided, change nothing")
  func rolledBack() throws {
    let (scratch, path) = try Self.folder()
    defer { withExtendedLifetime(scratch) {} }
    do {
      let journal = try FolderJournal(path, gate: "config.json")
      try journal.writeFile("a", [1])
    }
    #expect(try Self.contents(path) == Self.old && FolderJournal.recover(path) == .nothing)
    try Self.write(["new/a": "half", "commit.partial-00000001": "x"], to: path + "/" + FolderJournal.name)
    #expect(try FolderJournal.recover(path) == .rolledBack)
    #expect(try Self.contents(path) == Self.old)
    try Self.write(["new/a": "half"], to: path + "/" + FolderJournal.name)
    let journal = try FolderJournal(path, gate: "config.json")
    try journal.writeFile("b", Array("new b".utf8))
    try journal.commit()
    #expect(try Self.contents(path) == Self.old.merging(["b": "new b"]) { $1 })
  }

  @Test("Whenever a run dies while files are moved, the next one finishes", arguments: 0...7)
  func died(_ steps: Int) throws {
    let (scratch, path) = try Self.folder()
    defer { withExtendedLifetime(scratch) {} }
    let journal = path + "/" + FolderJournal.name
    let names = Self.changed.keys.sorted()
    try Self.write(Self.changed, to: journal + "/new")
    try Self.write(
      ["commit": (["profs-journal 1", "config.json"] + names).joined(separator: "\n") + "\n"], to: journal)
    try FileManager.default.createDirectory(atPath: journal + "/held", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: path + "/sub/deep", withIntermediateDirectories: true)
    // The order that the journal documents: the gate aside, the files, the gate back.
    var moves = [(path + "/config.json", journal + "/held/config.json")]
    moves += names.map { (journal + "/new/" + $0, path + "/" + $0) }
    moves.append((journal + "/held/config.json", path + "/config.json"))
    for (source, destination) in moves.prefix(steps) { try #require(rename(source, destination) == 0) }
    if steps > moves.count { try FileManager.default.removeItem(atPath: journal + "/new") }
    #expect(FolderJournal.isUnfinished(path))
    #expect(throws: StorageError.self) { try FolderJournal(path, gate: "config.json") }
    #expect(FileSystem.exists(path + "/config.json") == (steps == 0 || steps >= moves.count))
    #expect(try FolderJournal.recover(path) == .finished)
    #expect(try Self.contents(path) == Self.new)
    #expect(!FileSystem.exists(journal))
  }

  @Test("A journal that leads out of the folder, by a name or by a link, is refused and nothing moved")
  func hostile() throws {
    for names in [["../outside"], ["/etc/x"], ["link/x"], [], ["a/../../outside"]] {
      let (scratch, path) = try Self.folder()
      let journal = path + "/" + FolderJournal.name
      try FileManager.default.createDirectory(
        atPath: scratch.path("target"), withIntermediateDirectories: false)
      try FileManager.default.createSymbolicLink(
        atPath: path + "/link", withDestinationPath: scratch.path("target"))
      try Self.write(["outside": "x", "link/x": "x"], to: journal + "/new")
      try Self.write(
        ["commit": (["profs-journal 1", "config.json"] + names).joined(separator: "\n")], to: journal)
      #expect(throws: StorageError.self, "\(names)") { try FolderJournal.recover(path) }
      #expect(!FileSystem.exists(scratch.path("outside")))
      #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path("target")).isEmpty)
    }
  }

  @Test("A folder, and an output that is being written, belong to one run at a time")
  func locked() throws {
    let (scratch, path) = try Self.folder()
    do {
      let journal = try FolderJournal(path, gate: "config.json")
      #expect { try FolderJournal(path, gate: "config.json") } throws: { "\($0)".contains("another run") }
      #expect { try FolderJournal.recover(path) } throws: { "\($0)".contains("another run") }
      journal.discard()
    }
    #expect(try FolderJournal.recover(path) == .nothing)
    let out = scratch.path("out")
    do {
      let output = try OutputFolder(out)
      #expect { try OutputClaim(out) } throws: { "\($0)".contains("another run") }
      #expect(throws: Never.self) { try OutputClaim(scratch.path("ou")) }
      output.discard()
    }
    let claim = try OutputClaim(out + "/")
    #expect { try OutputClaim(out) } throws: { "\($0)".contains("another run") }
    // Whoever holds the claim can write, and what is there can be claimed.
    let output = try OutputFolder(out)
    try output.writeFile("a", [1])
    try output.commit()
    withExtendedLifetime(claim) {}
    #expect(try FileSystem.list(FileSystem.parent(of: out)).filter { $0.hasPrefix("out") }.count <= 2)
  }
}
