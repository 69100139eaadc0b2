import Kernels
import Storage

/// One file that `torch.save` wrote of a state dict: names and tensors.
///
/// Since version 1.6 it is a zip archive, whose members have a common first folder:
///
/// | member | content |
/// |---|---|
/// | data.pkl | the pickle of the dictionary, which refers to storages |
/// | data/KEY | the elements of storage KEY, stored as they are, aligned to 64 bytes |
/// | byteorder | `little` or `big`; little without it |
///
/// Before, it was one stream:
///
/// | part | content |
/// |---|---|
/// | pickle | the integer 0x1950a86a20f9469cfc6c |
/// | pickle | the integer 1001, the version |
/// | pickle | a dictionary, with `little_endian` in it |
/// | pickle | the dictionary, which refers to storages |
/// | pickle | the list of the storages' keys |
/// | storages | in that order, each: i64 number of elements, elements |
///
/// A tensor is a view of a storage: several may share one, and it need not be in row-major order. The dictionary
/// may be under the key `state_dict`, `model`, `model_state_dict` or `module` of another; what else is in it is
/// ignored where it is not tensors.
package struct TorchFile: Sendable {
  /// The tensors.
  package let tensors: TensorStore

  /// Maps the file and reads its pickle, with `Unpickler`.
  ///
  /// Throws when the file is neither of the above, or holds more than tensors and plain values.
  package init(path: String) throws(CheckpointError) {
    let file = try CheckpointError.wrapping { try MappedFile(path: path) }
    tensors = try TensorStore(files: [file], entries: Self.entries(of: file, index: 0))
  }

  /// The tensors of `file`, which is number `index` of its store, by their places.
  static func entries(of file: MappedFile, index: Int) throws(CheckpointError) -> [TensorEntry] {
    let entries = try CheckpointError.wrapping {
      try unsafe file.withBytes { bytes in
        let parser = unsafe TorchFileParser(bytes: bytes, path: file.path, file: index)
        return try parser.parse()
      }
    }
    let order = entries.indices.sorted {
      let (a, b) = (entries[$0].bytes, entries[$1].bytes)
      return (a.lowerBound, a.upperBound, $0) < (b.lowerBound, b.upperBound, $1)
    }
    return order.map { entries[$0] }
  }
}

/// Reads one file; the fields are what its errors and checks need.
@safe
private struct TorchFileParser {
  let bytes: UnsafeRawBufferPointer
  let path: String
  let file: Int

  @unsafe
  init(bytes: UnsafeRawBufferPointer, path: String, file: Int) {
    unsafe self.bytes = bytes
    self.path = path
    self.file = file
  }

  func parse() throws -> [TensorEntry] {
    let beginning = unsafe Array(bytes.prefix(512))
    if beginning.starts(with: [0x50, 0x4B, 3, 4]) { return try archive() }
    if beginning.first == 0x80 { return try stream() }
    if beginning.dropFirst(257).starts(with: "ustar".utf8) {
      throw fail(
        "this is a tar file, as torch wrote before version 0.2", 0,
        advice: "load it in Python and save its tensors as safetensors")
    }
    throw fail(
      "expected a file of torch.save, which begins with \"PK\" or the byte 128, found the bytes "
        + "\(Array(beginning.prefix(4)))", 0, advice: CheckpointError.advice(forFileBeginning: beginning))
  }

  // MARK: The two forms

  private func archive() throws -> [TensorEntry] {
    let archive = unsafe try ZipArchive(bytes, path: path)
    let pickles = archive.members.keys.filter {
      $0.hasSuffix("/data.pkl") && $0.utf8.count { $0 == UInt8(ascii: "/") } == 1
    }
    guard pickles.count == 1, let name = pickles.first, let pickle = try archive.range(of: name) else {
      throw fail(
        "expected one data.pkl in the zip archive, found \(pickles.count)", 0,
        advice: "name a file that torch.save wrote of a state dict")
    }
    let prefix = String(name.dropLast("data.pkl".count))
    guard archive.members[prefix + "constants.pkl"] == nil else {
      throw fail(
        "this is a TorchScript program, not a state dict", pickle.lowerBound,
        advice: "load it in Python with torch.jit.load and save its state_dict() as safetensors")
    }
    if let range = try archive.range(of: prefix + "byteorder") {
      let order = unsafe Array(bytes[range])
      guard order == Array("little".utf8) else {
        throw fail(
          "its byte order is \"\(String(decoding: order.prefix(16), as: UTF8.self))\", but only little-endian "
            + "files can be read", range.lowerBound, advice: Unpickler.saveAgain)
      }
    }
    guard pickle.count <= Unpickler.byteLimit else {
      throw fail(
        "data.pkl has \(pickle.count) bytes, but at most \(Unpickler.byteLimit) can be read",
        pickle.lowerBound,
        advice: Unpickler.saveAgain)
    }
    var unpickler = unsafe try Unpickler(bytes, pickle, path: path)
    let root = try unpickler.load()
    return try entries(root, unpickler) { storage in
      guard let range = try archive.range(of: prefix + "data/" + storage.key) else {
        throw fail("the archive has no data/\(storage.key)", pickle.lowerBound)
      }
      return range
    }
  }

  private func stream() throws -> [TensorEntry] {
    var unpickler = unsafe try Unpickler(bytes, 0..<bytes.count, path: path)
    guard case .longInt(Self.magic) = try unpickler.load() else {
      throw fail(
        "this is a pickle, but not one of torch.save", 0,
        advice: "name a file that torch.save wrote of a state dict")
    }
    guard case .int(1001) = try unpickler.load() else {
      throw unpickler.fail("expected version 1001 of the format, found another")
    }
    let system = try unpickler.load()
    if case .dictionary(let index) = system,
      unpickler.dictionaries[index].contains(where: {
        if case (.string("little_endian"), .bool(false)) = $0 { true } else { false }
      })
    {
      throw unpickler.fail("only little-endian files can be read", advice: Unpickler.saveAgain)
    }
    let root = try unpickler.load()
    guard case .list(let keys) = try unpickler.load() else {
      throw unpickler.fail("expected the list of the storages' keys")
    }
    let ranges = try storages(unpickler.sequences[keys], unpickler)
    return try entries(root, unpickler) { storage in
      guard let range = ranges[storage.key] else {
        throw fail("the file has no storage \"\(storage.key)\"", unpickler.offset)
      }
      return range
    }
  }

  /// 0x1950a86a20f9469cfc6c as a pickle has it.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// Where the storages called `keys` lie, one behind the other at the end of a stream.
  private func storages(_ keys: [PickleValue], _ unpickler: Unpickler) throws -> [String: Range<Int>] {
    let mentioned = Dictionary(
      unpickler.storages.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    var reader = unsafe ByteReader(bytes, path: path)
    _ = try reader.readRange(unpickler.offset, "the pickles")
    var ranges: [String: Range<Int>] = [:]
    for key in keys {
      guard case .string(let name) = key, let storage = mentioned[name], ranges[name] == nil else {
        throw fail("the list of storages names one twice, or one that no tensor has", reader.offset)
      }
      let place = reader.offset
      let count = try reader.readCount("the elements of storage \"\(name)\"")
      guard count == storage.count, let byteCount = storage.type.byteCount(elements: count) else {
        throw fail("storage \"\(name)\" has \(count) elements, but its tensors say \(storage.count)", place)
      }
      ranges[name] = try reader.readRange(byteCount, "storage \"\(name)\"")
    }
    return ranges
  }

  // MARK: Tensors

  /// The tensors of the dictionary `root`; `locate` tells where a storage lies.
  private func entries(
    _ root: PickleValue, _ unpickler: Unpickler, _ locate: (PickledStorage) throws -> Range<Int>
  ) throws -> [TensorEntry] {
    var entries: [TensorEntry] = []
    for (key, value) in try stateDictionary(root, unpickler) {
      switch (key, value) {
      case (.string(let name), .tensor(let index)):
        entries.append(try entry(name, unpickler.tensors[index], unpickler, locate))
      case (_, .tensor(let index)):
        throw fail("a tensor's name is \(key.kind)", unpickler.tensors[index].offset)
      case (.string(let name), .dictionary(let index)) where unpickler.dictionariesOfTensors.contains(index):
        throw fail(
          "beside tensors there is a dictionary of tensors, \"\(name)\"", 0, advice: Unpickler.saveAgain)
      default: continue
      }
    }
    return entries
  }

  /// The members of the dictionary that holds tensors: `root`, or one in it.
  private func stateDictionary(
    _ root: PickleValue, _ unpickler: Unpickler
  ) throws -> [(key: PickleValue, value: PickleValue)] {
    guard case .dictionary(let index) = root else {
      throw fail("expected a dictionary of tensors, found \(root.kind)", 0, advice: Unpickler.saveAgain)
    }
    let members = unpickler.dictionaries[index]
    if members.isEmpty || unpickler.dictionariesOfTensors.contains(index) { return members }
    for wanted in ["state_dict", "model", "model_state_dict", "module"] {
      for case (.string(wanted), .dictionary(let inner)) in members
      where unpickler.dictionariesOfTensors.contains(inner) {
        return unpickler.dictionaries[inner]
      }
    }
    let keys = members.prefix(5).map {
      if case .string(let key) = $0.key { "\"\(key)\"" } else { $0.key.kind }
    }
    throw fail(
      "expected a dictionary of tensors, found one with the keys \(keys.joined(separator: ", "))", 0,
      advice: Unpickler.saveAgain)
  }

  /// Where one tensor lies.
  private func entry(
    _ name: String, _ tensor: PickledTensor, _ unpickler: Unpickler,
    _ locate: (PickledStorage) throws -> Range<Int>
  ) throws -> TensorEntry {
    func fail(_ reason: String) -> CheckpointError {
      CheckpointError(
        path: path, subject: "tensor \"\(name)\"", offset: tensor.offset, reason: reason,
        advice: CheckpointError.fetchAgain)
    }
    let storage = unpickler.storages[tensor.storage]
    let range = try locate(storage)
    guard storage.type.byteCount(elements: storage.count) == range.count else {
      throw fail(
        "storage \"\(storage.key)\" has \(range.count) bytes, but the tensor says \(storage.count) elements in "
          + storage.type.name)
    }
    // In range: the part is inside the storage.
    let start = range.lowerBound + (storage.part?.start ?? 0) * storage.type.blockBytes
    let room = (storage.part?.count ?? storage.count) * storage.type.blockBytes / tensor.type.blockBytes
    guard let extent = TensorEntry.extent(of: tensor.shape, strides: tensor.strides), tensor.start <= room,
      extent <= room - tensor.start
    else {
      throw fail(
        "shape \(tensor.shape) with strides \(tensor.strides) from element \(tensor.start) goes beyond the "
          + "\(room) elements of storage \"\(storage.key)\"")
    }
    let first = start + tensor.start * tensor.type.blockBytes
    return TensorEntry(
      name: name, shape: tensor.shape, type: tensor.type, file: file,
      bytes: first..<first + extent * tensor.type.blockBytes,
      strides: TensorEntry.isRowMajor(tensor.shape, strides: tensor.strides) ? nil : tensor.strides)
  }

  private func fail(
    _ reason: String, _ offset: Int, advice: String = CheckpointError.fetchAgain
  ) -> CheckpointError {
    CheckpointError(path: path, offset: offset, reason: reason, advice: advice)
  }
}
