import Checkpoints
import Foundation
import Kernels
import Storage
import Testing

/// A copy of a fixture checkpoint in a temporary folder, to be damaged; removed with its owner.
final class ModelCopy {
  let path: String

  init(_ name: String) throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == name })
    let folder = FileManager.default.temporaryDirectory.appending(path: "profs-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: URL(filePath: goldens.folder), to: folder)
    path = folder.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Sets members of `config.json`; null removes one.
  func configure(_ members: [String: JSON]) throws {
    let file = path + "/config.json"
    let document = try JSONDocument(parsing: try FileSystem.readFile(file, limit: 1 << 20), source: file)
    guard case .object(var config) = JSON(document.root) else { return }
    for (key, value) in members { config[key] = value == .null ? nil : value }
    try write(JSON.object(config).serialized(), to: "config.json")
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }

  /// Replaces the first occurrence of some bytes in the weights' header by as many others.
  func replaceInHeader(_ old: String, by new: String) throws {
    let url = URL(filePath: path + "/model.safetensors")
    var data = try Data(contentsOf: url)
    let range = try #require(data.range(of: Data(old.utf8)))
    #expect(old.utf8.count == new.utf8.count)
    data.replaceSubrange(range, with: Data(new.utf8))
    try data.write(to: url)
  }

  /// Overwrites one number of a tensor with bits of its own size.
  func overwrite(_ tensor: String, element: Int, with bits: some FixedWidthInteger) throws {
    let file = path + "/model.safetensors"
    let entry = try #require(try SafetensorsFile(path: file).tensors[tensor])
    let size = bits.bitWidth / 8
    #expect(entry.type.blockBytes == size)
    let handle = try FileHandle(forUpdating: URL(filePath: file))
    try handle.seek(toOffset: UInt64(entry.bytes.lowerBound + element * size))
    try handle.write(contentsOf: withUnsafeBytes(of: bits.littleEndian) { Data($0) })
    try handle.close()
  }
}
