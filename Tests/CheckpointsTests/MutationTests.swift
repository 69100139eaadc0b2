import Checkpoints
import Foundation
import Storage
import Testing

/// Every reader against files that were altered at random, for `PROFS_FUZZ_SECONDS` each (1 without it).
///
/// `PROFS_FUZZ_SEED` sets where the random numbers begin. The altered file is written before it is read: what ends
/// the process is left in the temporary folder as `mutation.READER`.
@Suite(.serialized) struct MutationTests {
  /// One reader, with the sound files that are altered.
  enum Reader: String, CaseIterable, CustomTestStringConvertible {
    case safetensors, gguf, torch, json

    var testDescription: String { rawValue }

    /// The sound files.
    func samples() throws -> [[UInt8]] {
      switch self {
      case .safetensors:
        try ["types.safetensors", "sharded/model-00001-of-00002.safetensors"].map(Fixtures.bytes)
      case .gguf: try ["types.gguf"].map(Fixtures.bytes)
      case .torch:
        try [
          "types", "legacy", "protocol4", "nested", "zip64", "odd-stride", "refused/system",
          "refused/doubled",
        ].map {
          try Fixtures.bytes("torch/\($0).bin")
        }
      case .json:
        try ["sharded/model.safetensors.index.json", "sharded.json", "torch/sharded.json"].map(Fixtures.bytes)
          + [Array(#"{"a":[1,-2.5e-3,true,false,null,"\u00e9\ud83d\ude00\n",{}],"b":{"c":[[[]]]}}"#.utf8)]
      }
    }

    /// Reads all of a file; returns whether it was sound.
    func read(_ bytes: [UInt8], at path: String) throws -> Bool {
      do {
        switch self {
        case .safetensors: try Self.readAll(SafetensorsFile(path: path).tensors)
        case .torch: try Self.readAll(TorchFile(path: path).tensors)
        case .gguf:
          let file = try GGUFFile(path: path)
          for (_, value) in file.metadata { _ = (value.string, value.array?.strings, value.array?.ints) }
          try Self.readAll(file.tensors)
        case .json:
          let value = JSON(try JSONDocument(parsing: bytes, source: path).root)
          // What is read is written so that the same is read again.
          let text = Array(value.serialized().utf8)
          #expect(JSON(try JSONDocument(parsing: text, source: path).root) == value, "\(path)")
        }
        return true
      } catch let error as CheckpointError {
        #expect(error.path.hasPrefix(path) && !error.reason.isEmpty, "\(error)")
      } catch let error as JSONError {
        #expect(error.offset <= bytes.count && !error.reason.isEmpty, "\(error)")
      }
      return false
    }

    /// Widens every tensor, which together take no more than each entry's bytes justify.
    private static func readAll(_ store: TensorStore) throws {
      for entry in store.entries { _ = try store.floats(entry) }
    }
  }

  private static let environment = ProcessInfo.processInfo.environment

  @Test("Altered files are read or refused, for as long as asked", arguments: Reader.allCases)
  func altered(reader: Reader) throws {
    let seconds = Self.environment["PROFS_FUZZ_SECONDS"].flatMap(Double.init) ?? 1
    var mutator = Mutator(seed: Self.environment["PROFS_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_240_529)
    let samples = try reader.samples()
    let scratch = try Scratch()
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var (rounds, sound, slowest) = (0, 0, Duration.zero)
    while clock.now < end {
      let bytes = mutator.mutated(samples)
      let path = try scratch.write(bytes, "mutation.\(reader.rawValue)")
      let start = clock.now
      if try reader.read(bytes, at: path) { sound += 1 }
      slowest = max(slowest, clock.now - start)
      rounds += 1
    }
    // Both happen, or the alterations say nothing.
    #expect(rounds > 20 && sound > 0 && sound < rounds)
    // A file of some kilobytes; the machine may be busy.
    #expect(slowest < .seconds(5))
    print("\(reader.rawValue): \(rounds) files, \(sound) sound, slowest \(slowest)")
  }
}

/// Alters files in the ways that break readers: bits, numbers at the edges of their range, pieces repeated, moved,
/// removed, or taken from another file.
private struct Mutator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number below `bound`, by SplitMix64.
  private mutating func random(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int(truncatingIfNeeded: (z ^ (z >> 31)) >> 1) % max(1, bound)
  }

  private static let edges: [UInt64] = [
    0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 40, 1 << 61,
    1 << 62,
    .max >> 1, 1 << 63, .max - 31, .max,
  ]

  /// One of `samples` with up to four alterations.
  mutating func mutated(_ samples: [[UInt8]]) -> [UInt8] {
    var bytes = samples[random(samples.count)]
    for _ in 0...random(4) where !bytes.isEmpty {
      // Descriptions stand at one end of the file in most formats: half of the alterations go there.
      let near = min(bytes.count, 600)
      let place =
        switch random(4) {
        case 0: random(near)
        case 1: bytes.count - 1 - random(near)
        default: random(bytes.count)
        }
      switch random(8) {
      case 0, 1: bytes[place] ^= 1 << UInt8(random(8))
      case 2: bytes[place] = UInt8(random(256))
      case 3:
        let value = Self.edges[random(Self.edges.count)]
        for index in 0..<min(1 << random(4), bytes.count - place) {
          bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      case 4:
        let other = samples[random(samples.count)]
        let start = random(other.count)
        bytes.insert(contentsOf: other[start..<min(other.count, start + 1 + random(64))], at: place)
      case 5: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random(64)))
      case 6:
        let start = random(bytes.count)
        let piece = bytes[start..<min(bytes.count, start + 1 + random(16))]
        bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
      default: if random(8) == 0 { bytes.removeSubrange(place...) } else { bytes[place] &+= 1 }
      }
    }
    return bytes
  }
}
