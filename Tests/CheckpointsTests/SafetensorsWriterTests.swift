import Checkpoints
import Kernels
import Storage
import Testing

@Suite struct SafetensorsWriterTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test("Repeating a header gives back the same file, whatever the pieces", arguments: [1, 7, 1000])
  func repeating(piece: Int) throws {
    let names = ["types.safetensors", "sharded/model-00001-of-00002.safetensors"]
    for name in names {
      let file = try SafetensorsFile(path: Fixtures.path(name))
      let writer = try FileWriter(creating: scratch.path + "/copy-\(name.utf8.count)")
      var output = try SafetensorsWriter(writer, repeating: file.header)
      for entry in file.tensors.entries {
        try file.tensors.withBytes(of: entry) { bytes in
          for start in stride(from: 0, to: bytes.count, by: piece) {
            try output.append(
              UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + piece, bytes.count)]), to: entry.name
            )
          }
        }
      }
      try output.finish()
      #expect(try scratch.read("copy-\(name.utf8.count)") == Fixtures.bytes(name))
    }
  }

  @Test("What is written is read back: names, metadata in order, values, and every tensor aligned")
  func roundTrip() throws {
    let declared: [SafetensorsWriter.Tensor] = [
      .init(name: "flag", type: .bool, shape: [3]),
      .init(name: "a \"quoted\" é\u{1}", type: .f32, shape: [2, 2]),
      .init(name: "empty", type: .f32, shape: [5, 0]), .init(name: "half", type: .bf16, shape: [1]),
      .init(name: "number", type: .f64, shape: []), .init(name: "last", type: .u8, shape: [1]),
    ]
    let writer = try FileWriter(creating: scratch.path + "/file")
    var output = try SafetensorsWriter(writer, tensors: declared, metadata: [("z", "1"), ("a", "é\n")])
    let order = output.tensors
    #expect(order.map(\.name) == ["number", "a \"quoted\" é\u{1}", "empty", "half", "flag", "last"])
    var next: UInt8 = 0
    var expected: [String: [UInt8]] = [:]
    for tensor in order {
      let count = try #require(tensor.type.byteCount(elements: tensor.shape.reduce(1, *)))
      let bytes = (0..<count).map { _ in
        next += 1
        return next
      }
      expected[tensor.name] = bytes
      try bytes.withUnsafeBytes { try output.append($0, to: tensor.name) }
    }
    try output.finish()

    let file = try SafetensorsFile(path: scratch.path + "/file")
    #expect(file.metadata.map { "\($0.key)=\($0.value)" } == ["z=1", "a=é\n"])
    #expect(file.tensors.entries.count == declared.count && file.header.dataStart % 8 == 0)
    for tensor in declared {
      let entry = try #require(file.tensors[tensor.name])
      #expect(entry.type == tensor.type && entry.shape == tensor.shape)
      #expect(entry.bytes.lowerBound % entry.type.blockBytes == 0)
      #expect(try file.tensors.withBytes(of: entry) { Array($0) } == expected[tensor.name])
    }
  }

  @Test(
    "What the format cannot hold is refused",
    arguments: [
      [.init(name: "a", type: .u8, shape: [1]), .init(name: "a", type: .f32, shape: [1])],
      [.init(name: "__metadata__", type: .u8, shape: [1])],
      [.init(name: "a", type: .q4_0, shape: [32])],
      [.init(name: "a", type: .f64, shape: [1 << 40, 1 << 40])],
      [.init(name: "a", type: .u8, shape: [.max]), .init(name: "b", type: .u8, shape: [.max])],
      [.init(name: "a", type: .u8, shape: [-1])],
    ] as [[SafetensorsWriter.Tensor]])
  func refused(tensors: [SafetensorsWriter.Tensor]) throws {
    let writer = try FileWriter(creating: scratch.path + "/file")
    let error = #expect(throws: CheckpointError.self) { _ = try SafetensorsWriter(writer, tensors: tensors) }
    #expect(error?.subject?.hasPrefix("tensor") == true)
    #expect(writer.byteCount == 0)
  }
}
