import Checkpoints
import Kernels
import Testing

@Suite struct GGUFLayoutTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// The file that a layout describes, with the tensors' bytes that `body` gives.
  private func bytes(
    _ layout: GGUFLayout, _ body: (GGUFLayout.Tensor) throws -> [UInt8]
  ) rethrows -> [UInt8] {
    var bytes = layout.header
    for tensor in layout.tensors {
      bytes += [UInt8](repeating: 0, count: tensor.padding)
      #expect(bytes.count == tensor.offset, "\(tensor.name)")
      bytes += try body(tensor)
    }
    bytes += [UInt8](repeating: 0, count: layout.finalPadding)
    #expect(bytes.count == layout.byteCount)
    return bytes
  }

  @Test("A file of the gguf package is repeated byte for byte", arguments: [2, 3])
  func repeated(version: UInt8) throws {
    var original = try Fixtures.bytes("types.gguf")
    original[4] = version
    let file = try GGUFFile(path: scratch.write(original, "file.gguf"))
    let layout = try GGUFLayout(repeating: file, types: [:])
    let written = try bytes(layout) { tensor in
      let entry = try #require(file.tensors[tensor.name])
      return try file.tensors.withBytes(of: entry) { Array($0) }
    }
    #expect(written == original)
  }

  @Test("With other types the metadata stay, and every tensor is found again")
  func otherTypes() throws {
    let file = try GGUFFile(path: Fixtures.path("types.gguf"))
    let plain = file.tensors.entries.filter { $0.type == .f32 }
    #expect(!plain.isEmpty)
    let layout = try GGUFLayout(
      repeating: file, types: Dictionary(uniqueKeysWithValues: plain.map { ($0.name, .f16) }))
    let written = try bytes(layout) { tensor in
      let entry = try #require(file.tensors[tensor.name])
      guard tensor.type != entry.type else { return try file.tensors.withBytes(of: entry) { Array($0) } }
      return [UInt8](repeating: 0x3C, count: entry.elementCount * 2)
    }
    let found = try GGUFFile(path: scratch.write(written, "other.gguf"))
    #expect(found.alignment == file.alignment && found.describedNames == file.describedNames)
    #expect(
      written[file.metadataBytes].elementsEqual(try Fixtures.bytes("types.gguf")[file.metadataBytes]))
    #expect(found.metadataBytes == file.metadataBytes)
    for entry in file.tensors.entries {
      let other = try #require(found.tensors[entry.name])
      #expect(other.shape == entry.shape && other.bytes.lowerBound % file.alignment == 0)
      if entry.type == .f32 {
        #expect(other.type == .f16)
      } else {
        #expect(try found.tensors.holdsSameBytes(other, as: entry, of: file.tensors))
      }
    }
  }

  @Test("A new file says what was put into it")
  func new() throws {
    var metadata = GGUFMetadata()
    metadata.add("general.architecture", "llama")
    metadata.add("number", UInt32.max)
    metadata.add("real", Float(-0.1))
    metadata.add("flag", true)
    metadata.add("strings", ["", "naïve", "▁the"].map { Array($0.utf8) })
    metadata.add("integers", [-1, 7] as [Int32])
    metadata.add("reals", [0.5, -2] as [Float])
    metadata.add("flags", [true, false])
    #expect(metadata.count == 8 && metadata.keys.contains("reals"))
    let tensors = [
      GGUFLayout.Tensor(name: "a", type: .f32, shape: [3]),
      GGUFLayout.Tensor(name: "b", type: .q8_0, shape: [2, 64]),
      GGUFLayout.Tensor(name: "empty", type: .f16, shape: [0, 4]),
      GGUFLayout.Tensor(name: "c", type: .bf16, shape: [1]),
    ]
    let layout = try GGUFLayout(metadata: metadata, tensors: tensors, path: "new.gguf")
    let written = bytes(layout) { tensor in
      let count = tensor.type.byteCount(elements: tensor.shape.reduce(1, *)) ?? 0
      return [UInt8](repeating: UInt8(tensor.name.utf8.first ?? 0), count: count)
    }
    #expect(written.count % 32 == 0)
    let file = try GGUFFile(path: scratch.write(written, "new.gguf"))
    #expect(file.version == 3 && file.alignment == 32 && file.tensors.entries.map(\.shape).contains([2, 64]))
    #expect(file["general.architecture"]?.string == "llama" && file["flag"]?.bool == true)
    #expect(file["number"]?.int == Int(UInt32.max) && file["real"]?.double == Double(Float(-0.1)))
    #expect(
      file["strings"]?.array?.strings?.map { String(decoding: $0, as: UTF8.self) } == ["", "naïve", "▁the"])
    #expect(file["integers"]?.array?.ints == [-1, 7] && file["reals"]?.array?.doubles == [0.5, -2])
    #expect(file["flags"]?.array?.bools == [true, false])
    let b = try #require(file.tensors["b"])
    #expect(b.type == .q8_0 && b.bytes.count == 4 * 34)
    #expect(try file.tensors.withBytes(of: b) { $0.allSatisfy { $0 == UInt8(ascii: "b") } })
  }

  @Test("What no GGUF file holds is refused")
  func refusals() {
    func layout(_ tensors: [GGUFLayout.Tensor]) throws -> GGUFLayout {
      try GGUFLayout(metadata: GGUFMetadata(), tensors: tensors, path: "new.gguf")
    }
    for tensor in [
      GGUFLayout.Tensor(name: "t", type: .q4_0, shape: [2, 48]),
      GGUFLayout.Tensor(name: "t", type: .u8, shape: [2]),
      GGUFLayout.Tensor(name: "t", type: .f32, shape: [1, 1, 1, 1, 1]),
      GGUFLayout.Tensor(name: "t", type: .f32, shape: [.max, 2]),
    ] {
      #expect(throws: CheckpointError.self, "\(tensor.type) \(tensor.shape)") { try layout([tensor]) }
    }
    let twice = GGUFLayout.Tensor(name: "t", type: .f32, shape: [1])
    #expect(throws: CheckpointError.self) { try layout([twice, twice]) }
  }
}
