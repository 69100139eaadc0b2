internal import Storage
internal import Transformer

extension OutputLayout {
  /// What stands around the tensors in the folder that was written of `model`: headers, and the files beside the weights.
  func writtenFiles(_ model: Model, in folder: any OutputPlace) throws -> [Receipt.OutputFile] {
    let base = FileSystem.join(model.path, "")
    return try files.filter { $0.gguf == nil }.map { try Receipt.OutputFile($0.name, in: folder, .header) }
      + sideFiles.map { side in
        switch side {
        case .text(let name, _): try Receipt.OutputFile(name, in: folder)
        case .copy(let name, let path):
          try Receipt.OutputFile(name, in: folder, source: String(path.dropFirst(base.count)))
        }
      }
  }
}

extension Receipt.OutputFile {
  /// What the file called `name` in an output that is being written is.
  init(_ name: String, in folder: any OutputPlace, _ extent: Extent = .whole, source: String? = nil) throws {
    try self.init(name: name, at: folder.currentPath(of: name), extent, source: source)
  }
}
