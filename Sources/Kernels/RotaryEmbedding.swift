#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Cosines and sines of rotary position embedding, one row a position.
///
/// Source: Su et al. 2021, arXiv 2104.09864.
package struct RotaryTable: Sendable {
  /// Which two elements of a head turn together.
  package enum Pairing: Sendable, Hashable {
    /// i with i + n/2, as transformers stores the Llama family.
    case halves
    /// 2i with 2i + 1, as the paper, GPT-J, and llama.cpp's Llama files have it.
    case interleaved
  }

  /// `[positions, pairs]`.
  let cosines: [Float]
  /// `[positions, pairs]`.
  let sines: [Float]
  /// Pairs of elements that turn; the rest of a head passes unchanged.
  package let pairs: Int
  package let pairing: Pairing

  /// - Parameters:
  ///   - frequencies: angle a position adds, one a pair, in radians.
  ///   - positions: how many positions, from 0.
  ///   - attentionScale: factor on both tables at a position, as some scaled variants want; 1 otherwise.
  package init(
    frequencies: [Double], positions: Int, pairing: Pairing,
    attentionScale: (_ position: Int) -> Double = { _ in 1 }
  ) {
    pairs = frequencies.count
    self.pairing = pairing
    var cosines = [Float]()
    var sines = [Float]()
    cosines.reserveCapacity(positions * pairs)
    sines.reserveCapacity(positions * pairs)
    for position in 0..<positions {
      let scale = attentionScale(position)
      for frequency in frequencies {
        // The reference multiplies in f32 before taking the cosine; far positions differ visibly otherwise.
        let angle = Double(Float(position) * Float(frequency))
        cosines.append(Float(cos(angle) * scale))
        sines.append(Float(sin(angle) * scale))
      }
    }
    self.cosines = cosines
    self.sines = sines
  }

  /// Turns the heads of each row in place.
  ///
  /// - Parameters:
  ///   - rows: `[positions.count, heads]` f32, rows `stride` elements apart, heads `headStep` apart.
  ///   - positions: each row's position; below the table's count.
  ///   - transposed: whether to turn by the transposed matrices, the way gradients go back.
  package func apply(
    _ context: ComputeContext, _ rows: UnsafeMutablePointer<Float>, stride: Int, heads: Int,
    headStep: Int,
    positions: UnsafeBufferPointer<Int32>, transposed: Bool = false
  ) {
    let sign: Float = transposed ? -1 : 1
    unsafe cosines.withUnsafeBufferPointer { cosines in
      unsafe sines.withUnsafeBufferPointer { sines in
        guard let cosineBase = cosines.baseAddress, let sineBase = sines.baseAddress else { return }
        context.parallelRanges(positions.count, grain: 64) { range in
          for r in range {
            let offset = unsafe Int(positions[r]) * pairs
            for head in 0..<heads {
              let x = unsafe rows + r * stride + head * headStep
              switch pairing {
              case .halves: unsafe rotate(x, 1, x + pairs, cosineBase + offset, sineBase + offset, sign)
              case .interleaved: unsafe rotate(x, 2, x + 1, cosineBase + offset, sineBase + offset, sign)
              }
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func rotate(
    _ first: UnsafeMutablePointer<Float>, _ step: Int, _ second: UnsafeMutablePointer<Float>,
    _ cosines: UnsafePointer<Float>, _ sines: UnsafePointer<Float>, _ sign: Float
  ) {
    for i in 0..<pairs {
      let (a, b) = unsafe (first[i * step], second[i * step])
      let sine = unsafe sign * sines[i]
      unsafe first[i * step] = a * cosines[i] - b * sine
      unsafe second[i * step] = b * cosines[i] + a * sine
    }
  }
}
