internal import Foundation

/// Rotary position embedding of some blocks: which frequencies, and how they are stretched to longer texts.
///
/// The formulas of the scalings are those of transformers' `modeling_rope_utils`.
package struct RotarySettings: Sendable, Hashable {
  /// A way of stretching.
  package enum Scaling: Sendable, Hashable {
    case none
    /// Positions divided by `factor` (arXiv 2306.15595).
    case linear(factor: Double)
    /// A larger base for texts beyond `original` positions, NTK-aware.
    case dynamic(factor: Double, original: Int)
    /// Llama 3.1's: low frequencies divided by `factor`, high ones kept, a ramp between.
    case llama3(factor: Double, lowFactor: Double, highFactor: Double, original: Int)
    /// YaRN (arXiv 2309.00071): a ramp between stretched and kept frequencies by rotations within the original length.
    case yarn(factor: Double, fast: Double, slow: Double, original: Int, truncates: Bool, attention: Double)
    /// The first pairs alone turn, at the frequencies that they have where all do, divided by `factor`: Gemma 4's.
    case proportional(pairs: Int, factor: Double)
    /// A divisor for each frequency, for texts within the original length and beyond it (arXiv 2402.13753).
    case longRope(short: [Double], long: [Double], original: Int, attention: Double)
  }

  /// Base of the frequencies: pair i of n turns by base^(−i/n) a position.
  package var base: Double
  /// Elements of a head that turn; all of them where `nil`.
  package var dimension: Int?
  package var scaling = Scaling.none

  /// Settings from their parts; all of a head turns, unscaled, where nothing else is said.
  package init(base: Double, dimension: Int? = nil, scaling: Scaling = .none) {
    self.base = base
    self.dimension = dimension
    self.scaling = scaling
  }

  /// Whether the frequencies depend on the length of the longest text of a pass.
  package var dependsOnLength: Bool {
    switch scaling {
    case .dynamic, .longRope: true
    default: false
    }
  }

  /// Radians a position for each pair, and the factor on cosines and sines.
  ///
  /// - Parameter positions: length of the longest text of the pass, which some scalings depend on.
  func frequencies(headDimension: Int, positions: Int) -> (frequencies: [Double], attentionFactor: Double) {
    let width = dimension ?? headDimension
    let pairs = width / 2
    func plain(_ base: Double) -> [Double] {
      (0..<pairs).map { 1 / pow(base, Double(2 * $0) / Double(width)) }
    }
    switch scaling {
    case .none: return (plain(base), 1)
    case .linear(let factor): return (plain(base).map { $0 / factor }, 1)
    case .dynamic(let factor, let original):
      let length = Double(max(positions, original))
      let stretch = factor * length / Double(original) - (factor - 1)
      return (plain(base * pow(stretch, Double(width) / Double(width - 2))), 1)
    case .llama3(let factor, let lowFactor, let highFactor, let original):
      let stretched = plain(base).map { frequency in
        let rotations = Double(original) * frequency / (2 * Double.pi)
        if rotations < lowFactor { return frequency / factor }
        if rotations > highFactor { return frequency }
        let smooth = (rotations - lowFactor) / (highFactor - lowFactor)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
      return (stretched, 1)
    case .yarn(let factor, let fast, let slow, let original, let truncates, let attention):
      func index(rotations: Double) -> Double {
        Double(width) * log(Double(original) / (rotations * 2 * Double.pi)) / (2 * log(base))
      }
      let (first, last) = (index(rotations: fast), index(rotations: slow))
      let low = max(0, truncates ? first.rounded(.down) : first)
      let high = min(Double(width - 1), truncates ? last.rounded(.up) : last)
      let span = high == low ? 0.001 : high - low
      let stretched = plain(base).enumerated().map { index, frequency in
        let ramp = min(1, max(0, (Double(index) - low) / span))
        return frequency / factor * ramp + frequency * (1 - ramp)
      }
      return (stretched, attention)
    case .proportional(let turning, let factor):
      return (plain(base).enumerated().map { $0 < turning ? $1 / factor : 0 }, 1)
    case .longRope(let short, let long, let original, let attention):
      let divisors = positions > original ? long : short
      return (zip(plain(base), divisors).map { $0 / $1 }, attention)
    }
  }
}
