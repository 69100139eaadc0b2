import Storage

/// The folder in which Hugging Face's programs keep what they fetched.
///
/// | path in it | content |
/// |---|---|
/// | models--ORG--NAME/refs/REVISION | the commit that a branch or tag, `main` for one, stood for when it was fetched |
/// | models--ORG--NAME/snapshots/COMMIT | the files of that commit |
package struct HubCache: Sendable {
  /// The cache folder.
  package let path: String

  /// The cache that the environment names: `HF_HUB_CACHE` (or its older name), `hub` in `HF_HOME`, or
  /// `huggingface/hub` in the user's cache folder; `nil` when not even a home folder is known.
  package init?(environment: [String: String]) {
    func folder(_ variable: String) -> String? {
      guard let value = environment[variable], !value.isEmpty else { return nil }
      guard value == "~" || value.hasPrefix("~/"), let home = environment["HOME"] else { return value }
      return home + value.dropFirst()
    }
    if let cache = folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") {
      path = cache
    } else if let home = folder("HF_HOME") {
      path = FileSystem.join(home, "hub")
    } else if let caches = folder("XDG_CACHE_HOME") {
      path = FileSystem.join(caches, "huggingface/hub")
    } else if let home = folder("HOME") {
      path = FileSystem.join(home, ".cache/huggingface/hub")
    } else {
      return nil
    }
  }

  /// The path of the model that a person names: a path where there is one, or else a model of the Hub.
  ///
  /// Throws when `name` is neither, or is a model that is not in the cache.
  package static func resolve(_ name: String, environment: [String: String]) throws(CheckpointError) -> String
  {
    if FileSystem.exists(name) { return name }
    guard let model = HubModel(name) else {
      throw CheckpointError(
        path: name, reason: "there is no such file or folder",
        advice: "name a folder or file of a model, or a model of the Hub as ORG/NAME or ORG/NAME@REVISION")
    }
    guard let cache = HubCache(environment: environment) else {
      throw CheckpointError(
        path: name, reason: "there is no such file or folder, and the Hub's cache is not known",
        advice: "set HF_HOME or HF_HUB_CACHE")
    }
    return try cache.folder(of: model)
  }

  /// The folder with the files of `model`.
  ///
  /// Throws, with the command that fetches it, when it is not in the cache.
  package func folder(of model: HubModel) throws(CheckpointError) -> String {
    let folder = FileSystem.join(path, "models--" + model.id.split(separator: "/").joined(separator: "--"))
    guard FileSystem.kind(of: folder) == .folder else {
      throw CheckpointError(
        path: model.id,
        reason: "there is no such file or folder, and the Hub's cache \(path) has no such model",
        advice: model.fetchAdvice)
    }
    let commit = try commit(of: model, in: folder)
    let snapshot = FileSystem.join(folder, "snapshots/" + commit)
    guard FileSystem.kind(of: snapshot) == .folder else {
      throw CheckpointError(
        path: snapshot, reason: "the files of this commit are not in the cache", advice: model.fetchAdvice)
    }
    return snapshot
  }

  /// The snapshot that the revision stands for, which is a commit by rule: itself, or what its reference says.
  private func commit(of model: HubModel, in folder: String) throws(CheckpointError) -> String {
    let reference = FileSystem.join(folder, "refs/" + model.revision)
    guard FileSystem.kind(of: reference) == .file else {
      let isSnapshot = FileSystem.kind(of: FileSystem.join(folder, "snapshots/" + model.revision)) == .folder
      if isSnapshot || HubModel.isCommit(model.revision) { return model.revision }
      throw CheckpointError(
        path: folder, reason: "the cache has no revision \"\(model.revision)\" of this model",
        advice: model.fetchAdvice)
    }
    let text = try CheckpointError.wrapping { try FileSystem.readFile(reference, limit: 1000) }
    let commit = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(
      String.init)
    // A commit has 40 hexadecimal digits, which huggingface_hub does not insist on in caches made by other means.
    guard let commit, HubModel.isName(commit[...]) else {
      throw CheckpointError(
        path: reference, reason: "expected the name of a snapshot, found something else",
        advice: model.fetchAdvice)
    }
    return commit
  }
}

/// A model of the Hub: `ORG/NAME` or `NAME`, and a revision.
package struct HubModel: Sendable, Equatable {
  /// The model's name, with its organisation.
  package let id: String
  /// A branch, tag, reference or commit.
  package let revision: String

  /// Reads `id` or `id@revision`; `nil` when it does not have the form of one, paths that go up included.
  package init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let names = parts[0].split(separator: "/", omittingEmptySubsequences: false)
    guard names.count <= 2, names.allSatisfy(Self.isName), !parts[0].contains("--"),
      !parts[0].hasSuffix(".git")
    else { return nil }
    id = String(parts[0])
    revision = parts.count == 2 ? String(parts[1]) : "main"
    let components = revision.split(separator: "/", omittingEmptySubsequences: false)
    guard revision.utf8.count <= 256, components.allSatisfy(Self.isName) else { return nil }
  }

  /// The model that a folder of the Hub's cache holds, `…/models--ORG--NAME/snapshots/COMMIT`; `nil` for any other.
  package init?(snapshot path: String) {
    let parts = path.split(separator: "/")
    guard parts.count >= 3, parts[parts.count - 2] == "snapshots",
      parts[parts.count - 3].hasPrefix("models--")
    else { return nil }
    let id = parts[parts.count - 3].dropFirst("models--".count).replacing("--", with: "/")
    self.init(id + "@" + parts[parts.count - 1])
  }

  /// What fetches it.
  var fetchAdvice: String {
    "fetch it: hf download \(id)" + (revision == "main" ? "" : " --revision \(revision)")
  }

  /// Up to 96 letters, digits, `-`, `_` and `.` of ASCII, with no `..`, that neither begin nor end with `-` or `.`.
  fileprivate static func isName(_ text: Substring) -> Bool {
    func isEdge(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }
    guard let first = text.utf8.first, let last = text.utf8.last, !isEdge(first), !isEdge(last),
      text.utf8.count <= 96, !text.contains("..")
    else { return false }
    return text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
      default: false
      }
    }
  }

  /// Whether `text` is a commit's 40 hexadecimal digits.
  static func isCommit(_ text: String) -> Bool {
    text.utf8.count == 40
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
      }
  }
}
