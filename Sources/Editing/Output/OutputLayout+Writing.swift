internal import Checkpoints
internal import Kernels
internal import Storage
internal import Transformer

extension OutputLayout {
  /// Writes every file into `folder` and answers a record of each tensor.
  ///
  /// - Parameters:
  ///   - file: what takes a GGUF file, which is left to be finished.
  ///   - digest: takes all of that file's bytes.
  ///   - pool: where digests of what is copied are computed; all of them are there when this returns.
  ///   - progress: told of bytes written.
  func write(
    _ model: Model, into folder: any OutputPlace, _ file: FileWriter?, hashing digest: inout Digest,
    _ pool: DigestPool, progress: ProgressHandler?
  ) throws -> [Receipt.Tensor] {
    let total = files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } }
    var completed = 0
    var records: [(record: Receipt.Tensor, digest: Int?)] = []
    func advance(_ bytes: Int) {
      completed += bytes
      progress?(min(completed, total), total)
    }
    if let writer = file, let only = files.first, let layout = only.gguf {
      try writer.reserve(layout.byteCount)
      return try emitGGUF(only, layout, model) { bytes in
        digest.update(bytes)
        try writer.write(bytes)
        advance(bytes.count)
      }
    }
    for file in files {
      if let source = file.verbatimSource {
        for tensor in file.tensors {
          if let copied = copied(tensor, model) {
            let digest = pool.add(copied.file, copied.range)
            records.append((Receipt.Tensor(tensor, in: file.name, digest: "", edit: nil), digest))
          } else {
            records.append((try record(tensor, model, file.name) { _ in }, nil))
          }
        }
        try folder.copyFile(source, as: file.name)
        advance(file.tensors.reduce(0) { $0 + $1.byteCount })
        continue
      }
      let writer = try folder.createFile(file.name)
      var output =
        if let header = file.header {
          try SafetensorsWriter(writer, repeating: header)
        } else {
          try SafetensorsWriter(
            writer, tensors: file.tensors.map { .init(name: $0.name, type: $0.type, shape: $0.shape) },
            metadata: [("format", "pt")])
        }
      // The file's order, in which wide elements come first where the header is a new one.
      let byName = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
      for tensor in output.tensors.compactMap({ byName[$0.name] }) {
        if let copied = copied(tensor, model) {
          let digest = pool.add(copied.file, copied.range)
          records.append((Receipt.Tensor(tensor, in: file.name, digest: "", edit: nil), digest))
          try output.copy(copied.range, of: copied.file.path, to: tensor.name)
          advance(tensor.byteCount)
          continue
        }
        let record = try record(tensor, model, file.name) { bytes in
          try output.append(bytes, to: tensor.name)
          advance(bytes.count)
        }
        records.append((record, nil))
      }
      try output.finish()
    }
    for file in sideFiles {
      switch file {
      case .copy(let name, let source): try folder.copyFile(source, as: name)
      case .text(let name, let text): try folder.writeFile(name, Array(text.utf8))
      }
    }
    let digests = try pool.wait()
    return records.map { record, digest in digest.map { record.with(digest: digests[$0]) } ?? record }
  }

  /// Where a tensor's bytes stand in a file of the base as they are; `nil` where they are made.
  private func copied(_ tensor: any OutputTensor, _ model: Model) -> (file: MappedFile, range: Range<Int>)? {
    guard let tensor = tensor as? CheckpointTensor, tensor.isVerbatim, tensor.source.strides == nil else {
      return nil
    }
    let file = model.tensors.files[tensor.source.file]
    return file.isFile ? (file, tensor.source.bytes) : nil
  }

  /// Emits a GGUF file from its start to its end and answers a record of each tensor.
  func emitGGUF(
    _ file: File, _ layout: GGUFLayout, _ model: Model, _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> [Receipt.Tensor] {
    let byName = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    var records: [Receipt.Tensor] = []
    try layout.header.withUnsafeBytes(sink)
    for place in layout.tensors {
      guard let tensor = byName[place.name] else { continue }
      try Self.emitZeros(place.padding, sink)
      records.append(try record(tensor, model, file.name, sink))
    }
    try Self.emitZeros(layout.finalPadding, sink)
    return records
  }

  private static func emitZeros(_ count: Int, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws {
    let zeros = [UInt8](repeating: 0, count: min(count, 1 << 16))
    for start in stride(from: 0, to: count, by: 1 << 16) {
      try zeros[..<min(count - start, 1 << 16)].withUnsafeBytes(sink)
    }
  }

  /// Emits a tensor, hashing what goes by.
  func record(
    _ tensor: any OutputTensor, _ model: Model, _ file: String,
    _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Receipt.Tensor {
    var digest = Digest()
    let edit = try tensor.emit(from: model.tensors) { bytes in
      digest.update(bytes)
      try sink(bytes)
    }
    return Receipt.Tensor(tensor, in: file, digest: digest.hex, edit: edit)
  }
}

extension Receipt.Tensor {
  /// The record of a tensor of the file called `file`.
  init(_ tensor: any OutputTensor, in file: String, digest: String, edit: Receipt.Edit?) {
    self.init(
      name: tensor.name, file: file, type: tensor.type.name, shape: tensor.shape, digest: digest, edit: edit)
  }

  /// The same record with the digest that was not known yet.
  fileprivate func with(digest: String) -> Self {
    Self(name: name, file: file, type: type, shape: shape, digest: digest, edit: edit)
  }
}
