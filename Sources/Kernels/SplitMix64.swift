#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The SplitMix64 generator (Steele, Lea and Flood 2014): small, and the same numbers on every platform.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Equal seeds give equal numbers; any seed will do.
  package init(seed: UInt64) { state = seed }

  /// One of many generators of a seed, each with numbers of its own.
  ///
  /// Seeds lie far apart among the states: were the number added to the seed itself, the second generator of seed 0 would
  /// be the first of seed 1, and runs with neighbouring seeds would repeat each other.
  package init(seed: UInt64, stream: Int) {
    var mix = SplitMix64(seed: seed &* 0xD1B5_4A32_D192_ED03 &+ UInt64(truncatingIfNeeded: stream))
    self.init(seed: mix.next())
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in [0, 1).
  package mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number of the standard normal distribution, by Box and Muller's transformation.
  package mutating func nextNormal() -> Double {
    (-2 * log(1 - nextUnit())).squareRoot() * cos(2 * .pi * nextUnit())
  }
}
