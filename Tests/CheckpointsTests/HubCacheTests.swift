import Checkpoints
import Foundation
import Storage
import Testing

@Suite struct HubCacheTests {
  private static let commit = String(repeating: "0123456789abcdef0123", count: 2)
  private static let other = String(repeating: "f", count: 40)
  let scratch: Scratch
  let hub: String

  /// A cache with two models, as `huggingface_hub` lays it out.
  init() throws {
    scratch = try Scratch()
    hub = scratch.path + "/home/.cache/huggingface/hub"
    for (path, text) in [
      ("models--org--tiny-model/refs/main", Self.commit),
      ("models--org--tiny-model/refs/refs/pr/1", Self.other),
      ("models--org--tiny-model/refs/half", String(repeating: "a", count: 40)),
      ("models--org--tiny-model/refs/broken", "../../.."),
      ("models--org--tiny-model/snapshots/\(Self.commit)/config.json", "{}"),
      ("models--org--tiny-model/snapshots/\(Self.other)/config.json", "{}"),
      ("models--org--tiny-model/refs/short", "0123abc"),
      ("models--org--tiny-model/snapshots/0123abc/config.json", "{}"),
      ("models--gpt2/refs/main", Self.other + "\n"),
      ("models--gpt2/snapshots/\(Self.other)/config.json", "{}"),
    ] {
      let file = URL(fileURLWithPath: hub + "/" + path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
  }

  private func resolve(_ name: String) throws -> String {
    try HubCache.resolve(name, environment: ["HOME": scratch.path + "/home"])
  }

  @Test("A model of the Hub is found by name, and by branch, reference or commit")
  func found() throws {
    let models = hub + "/models--org--tiny-model/snapshots/"
    #expect(try resolve("org/tiny-model") == models + Self.commit)
    #expect(try resolve("org/tiny-model@main") == models + Self.commit)
    #expect(try resolve("org/tiny-model@refs/pr/1") == models + Self.other)
    #expect(try resolve("org/tiny-model@\(Self.other)") == models + Self.other)
    #expect(try resolve("org/tiny-model@short") == models + "0123abc")
    #expect(try resolve("org/tiny-model@0123abc") == models + "0123abc")
    #expect(try resolve("gpt2") == hub + "/models--gpt2/snapshots/" + Self.other)
  }

  @Test("What exists on the disk wins over a model of the same name")
  func existing() throws {
    let folder = scratch.path + "/org/tiny-model"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    #expect(try resolve(folder) == folder)
    #expect(try resolve(".") == ".")
  }

  @Test(
    "What is missing is refused with the command that fetches it",
    arguments: [
      ("org/absent", "hf download org/absent"),
      ("org/tiny-model@v2", "hf download org/tiny-model --revision v2"),
      ("org/tiny-model@half", "the files of this commit are not in the cache; fetch it: hf download"),
      ("org/tiny-model@" + String(repeating: "b", count: 40), "are not in the cache"),
      ("org/tiny-model@broken", "expected the name of a snapshot"),
    ])
  func missing(name: String, text: String) throws {
    let error = #expect(throws: CheckpointError.self) { try resolve(name) }
    #expect(error?.description.contains(text) == true, "\(error?.description ?? "")")
  }

  @Test(
    "What is neither a path nor the name of a model is refused without looking in the cache",
    arguments: [
      "", "a/b/c", "../absent-model", "org/..", "/absent/path", "./absent", "org/", "/model", "a b/c",
      "org/x--y",
      "-a/b",
      "org/x@", "org/x@../..", "org/x@a/../b", "org/x@a//b", "x.git", "é/x", "org/x@main\0", "a\u{0}b",
      "models.gguf/", "org/" + String(repeating: "x", count: 97),
    ])
  func notAName(name: String) throws {
    #expect(HubModel(name) == nil)
    let error = #expect(throws: CheckpointError.self) { try resolve(name) }
    #expect(error?.reason == "there is no such file or folder")
  }

  @Test("A snapshot's folder says which model it holds; any other says nothing")
  func snapshots() {
    let commit = String(repeating: "a", count: 40)
    let folder = "/c/models--org--tiny-model/snapshots/" + commit
    #expect(HubModel(snapshot: folder) == HubModel("org/tiny-model@" + commit))
    #expect(HubModel(snapshot: "models--tiny/snapshots/\(commit)/")?.id == "tiny")
    for path in [
      "/c/org/tiny-model", "snapshots/" + commit, "/c/models--a--b--c/snapshots/" + commit, folder + "/x", "",
    ] { #expect(HubModel(snapshot: path) == nil) }
  }

  @Test("The environment says where the cache is")
  func environment() {
    func path(_ environment: [String: String]) -> String? { HubCache(environment: environment)?.path }
    #expect(path(["HF_HUB_CACHE": "/a", "HF_HOME": "/b", "HOME": "/h"]) == "/a")
    #expect(path(["HUGGINGFACE_HUB_CACHE": "/o", "HF_HOME": "/b"]) == "/o")
    #expect(path(["HF_HUB_CACHE": "", "HF_HOME": "/b", "XDG_CACHE_HOME": "/x"]) == "/b/hub")
    #expect(path(["HF_HOME": "~/models", "HOME": "/h"]) == "/h/models/hub")
    #expect(path(["XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/x/huggingface/hub")
    #expect(path(["HOME": "/h"]) == "/h/.cache/huggingface/hub")
    #expect(path([:]) == nil)
  }
}
