internal import Storage

/// The small files that an edited folder takes over from its base.
extension OutputLayout {
  /// Weights in other formats would contradict the edited ones, so they stay behind.
  private static let weightSuffixes = [
    ".safetensors", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack", ".ot",
  ]

  /// How the names of such files begin, where they hold a whole model and no optimiser's state or the like.
  private static let weightPrefixes = [
    "model", "pytorch_model", "tf_model", "flax_model", "rust_model", "consolidated",
  ]

  /// Whether a file of this name in a model's folder holds its weights.
  static func holdsWeights(_ name: String) -> Bool {
    weightPrefixes.contains(where: name.hasPrefix)
      && weightSuffixes.contains { name.hasSuffix($0) && !$0.hasSuffix(".json") }
  }

  /// What this software and the Hub's write beside a model.
  private static let ownFolders = ["profs", ".cache", FolderJournal.name]

  /// A model card makes way for the edit's own: `README.md` becomes `README.base.md`, which in turn becomes
  /// `README.base.base.md` where an edited model is edited again.
  private static func outputName(_ name: String) -> String {
    guard name.hasPrefix("README."), name.hasSuffix(".md"),
      name.dropFirst(7).dropLast(2).split(separator: ".").allSatisfy({ $0 == "base" })
    else { return name }
    return name.dropLast(2) + "base.md"
  }

  /// What is copied from `folder`, but for the files in `taken`.
  static func sideFiles(of folder: String, besides taken: Set<String>) throws -> [SideFile] {
    var files: [SideFile] = []
    func visit(_ subfolder: String) throws {
      for entry in try FileSystem.list(FileSystem.join(folder, subfolder)).sorted()
      where !entry.hasPrefix(".git") {
        let name = FileSystem.join(subfolder, entry)
        let path = FileSystem.join(folder, name)
        switch FileSystem.kind(of: path) {
        // A link to a folder can lead back to where it stands.
        case .folder where !ownFolders.contains(entry) && !FileSystem.isLink(path): try visit(name)
        case .file where !taken.contains(name) && name != Receipt.fileName:
          guard !weightSuffixes.contains(where: entry.hasSuffix) else { continue }
          files.append(.copy(name: Self.outputName(name), from: path))
        default: break
        }
      }
    }
    try visit("")
    return files
  }
}
