/// A sound file that is altered.
struct Sample {
  var name: String
  var bytes: [UInt8]
  /// Where alterations matter most, such as a header: most are made there; all of the file where `nil`.
  var description: Range<Int>?
  /// Whether the file begins with the length of a header, as safetensors does.
  var hasHeaderLength = false
  /// Whether the file is refused as it is, being a case that lies next to a sound one.
  var isRefused = false
}

/// Alters files in the ways that break readers: bits, numbers at the edges of their range, pieces repeated, moved,
/// removed, or taken from another file, and values of JSON text.
struct Mutator {
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

  private static let values = [
    "0", "1", "-1", "2", "7", "0.5", "-0.25", "1e-9", "1e300", "65535", "268435456", "2147483647",
    "4294967296",
    "9223372036854775807", "18446744073709551616", "true", "false", "null", #""""#, #""a""#, #""▁""#, "[]",
    "{}",
    "[[[]]]", #"{"type":"Sequence"}"#, "[1,2]", #"["a","b"]"#,
  ].map { Array($0.utf8) }

  /// One of `samples` with up to four alterations.
  mutating func mutated(_ samples: [Sample]) -> (Sample, [UInt8]) {
    let sample = samples[random(samples.count)]
    return (sample, altered(sample.bytes, of: sample, among: samples))
  }

  /// `bytes`, which a sample or an alteration of it has, with up to four alterations.
  mutating func altered(_ bytes: [UInt8], of sample: Sample, among samples: [Sample]) -> [UInt8] {
    var bytes = bytes
    let before = bytes.count
    for _ in 0...random(4) where !bytes.isEmpty { alter(&bytes, sample, samples) }
    // A header whose length no longer fits is refused at once: every other time it is made to.
    if sample.hasHeaderLength, let header = sample.description?.upperBound, bytes.count >= 8, random(2) == 0 {
      let length = UInt64(clamping: header - 8 + bytes.count - before)
      for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: length >> UInt64(8 * index)) }
    }
    return bytes
  }

  private mutating func alter(_ bytes: inout [UInt8], _ sample: Sample, _ samples: [Sample]) {
    let place = place(in: bytes, sample)
    switch random(14) {
    case 0: bytes[place] ^= 1 << UInt8(random(8))
    case 1: bytes[place] = UInt8(random(256))
    case 2:
      let value = Self.edges[random(Self.edges.count)]
      for index in 0..<min(1 << random(4), bytes.count - place) {
        bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
    case 3:
      let other = samples[random(samples.count)].bytes
      let start = random(other.count)
      bytes.insert(contentsOf: other[start..<min(other.count, start + 1 + random(64))], at: place)
    case 4: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random(64)))
    case 5:
      let start = random(bytes.count)
      let piece = bytes[start..<min(bytes.count, start + 1 + random(16))]
      bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
    case 6: if random(8) == 0 { bytes.removeSubrange(place...) } else { bytes[place] &+= 1 }
    default: replaceValue(&bytes, from: place)
    }
  }

  private mutating func place(in bytes: [UInt8], _ sample: Sample) -> Int {
    if let description = sample.description, random(8) != 0 {
      return min(bytes.count - 1, description.lowerBound + random(description.count))
    }
    // Descriptions stand at one end of the file in most formats.
    let near = min(bytes.count, 600)
    return switch random(4) {
    case 0: random(near)
    case 1: bytes.count - 1 - random(near)
    default: random(bytes.count)
    }
  }

  /// Puts another value, or another of the file's own, in place of the next one of JSON text.
  private mutating func replaceValue(_ bytes: inout [UInt8], from place: Int) {
    func next(_ marks: StaticString, from start: Int) -> Int? {
      let marks = Array(marks.description.utf8)
      return (start..<min(start + 200, bytes.count)).first { marks.contains(bytes[$0]) }
    }
    func value(from start: Int) -> Range<Int>? {
      guard let start = next(":[,", from: start), let end = next(",]}\n", from: start + 1) else { return nil }
      return start + 1..<end
    }
    guard let range = value(from: place) else { return bytes[place] ^= 1 }
    if random(2) == 0, let other = value(from: random(bytes.count)) {
      bytes.replaceSubrange(range, with: Array(bytes[other]))
    } else {
      bytes.replaceSubrange(range, with: Self.values[random(Self.values.count)])
    }
  }
}
