#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Running KL divergence of many pairs of rows of logits that arrive in slices of the vocabulary.
///
/// KL(p‖q) = Σ p (z − y) − ln Σ e^z + ln Σ e^y for the logits z of p and y of q; kept per row are the largest z, and
/// Σ e^z and Σ e^z (z − y) relative to it.
package struct StreamedDivergence {
  private var maxima: [Float]
  private var sums: [Double]
  private var differences: [Double]

  /// - Parameter rows: number of pairs of rows.
  package init(rows: Int) {
    maxima = Array(repeating: -.infinity, count: rows)
    sums = Array(repeating: 0, count: rows)
    differences = Array(repeating: 0, count: rows)
  }

  /// Takes in a slice of both rows' logits.
  ///
  /// - Parameter p: the logits of p, `[rows.count, width]` f32, contiguous; `q` likewise. Neither is changed.
  package mutating func consume(
    _ context: ComputeContext, _ p: UnsafePointer<Float>, _ q: UnsafePointer<Float>, rows: Range<Int>,
    width: Int
  ) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= sums.count, "rows lie outside those announced")
    unsafe maxima.withUnsafeMutableBufferPointer { maxima in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        unsafe differences.withUnsafeMutableBufferPointer { differences in
          context.parallelRanges(rows.count, grain: 4) { range in
            for r in range {
              let row = rows.lowerBound + r
              let (z, y) = unsafe (p + r * width, q + r * width)
              let largest = unsafe laneMaximum(z, width)
              if unsafe largest > maxima[row] {
                let shrink = unsafe exp(Double(maxima[row] - largest))
                unsafe sums[row] *= shrink
                unsafe differences[row] *= shrink
                unsafe maxima[row] = largest
              }
              let (sum, difference) = unsafe weigh(z, y, width, shift: maxima[row])
              unsafe sums[row] += sum
              unsafe differences[row] += difference
            }
          }
        }
      }
    }
  }

  /// KL(p‖q) of a row in nats, after every slice has been consumed.
  ///
  /// - Parameters:
  ///   - logNormalizer: ln Σ e^z.
  ///   - other: ln Σ e^y.
  package func divergence(_ row: Int, logNormalizer: Double, other: Double) -> Double {
    // Rounding can leave a hair below zero where p and q agree.
    max(0, differences[row] / sums[row] - logNormalizer + other)
  }
}

/// Σ e^(z − shift) and Σ e^(z − shift) (z − y).
@inline(__always)
private func weigh(
  _ z: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int, shift: Float
) -> (Double, Double) {
  var sums = Lanes.zero
  var differences = Lanes.zero
  let offset = Lanes(repeating: shift)
  var i = 0
  while i + 16 <= count {
    let value = unsafe UnsafeRawPointer(z + i).loadUnaligned(as: Lanes.self)
    let other = unsafe UnsafeRawPointer(y + i).loadUnaligned(as: Lanes.self)
    let weight = Lanes.fastExponential(value - offset)
    sums += weight
    differences += weight * (value - other)
    i += 16
  }
  var (sum, difference) = (Double(sums.sum()), Double(differences.sum()))
  while i < count {
    let weight = unsafe Lanes.fastExponential(Lanes(repeating: z[i] - shift))[0]
    sum += Double(weight)
    unsafe difference += Double(weight * (z[i] - y[i]))
    i += 1
  }
  return (sum, difference)
}
