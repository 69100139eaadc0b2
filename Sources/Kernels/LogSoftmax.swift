#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Running log-softmax of many rows of logits that arrive in slices of the vocabulary, so that no row is ever held
/// whole: per row a maximum, a sum of exponentials, the target's logit, and the best token so far.
package struct StreamedLogSoftmax {
  private var maxima: [Float]
  private var sums: [Double]
  private var targetLogits: [Float]
  private var bestTokens: [Int32]
  private let targets: [Int32]

  /// - Parameter targets: the token whose probability is wanted, one a row.
  package init(targets: [Int32]) {
    self.targets = targets
    maxima = Array(repeating: -.infinity, count: targets.count)
    sums = Array(repeating: 0, count: targets.count)
    targetLogits = Array(repeating: -.infinity, count: targets.count)
    bestTokens = Array(repeating: -1, count: targets.count)
  }

  /// Takes in the logits of tokens `firstToken ..< firstToken + width` for rows `rows`.
  ///
  /// - Parameter logits: `[rows.count, width]` f32, contiguous.
  package mutating func consume(
    _ context: ComputeContext, _ logits: UnsafePointer<Float>, rows: Range<Int>, firstToken: Int,
    width: Int
  ) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= targets.count, "rows lie outside the targets")
    unsafe maxima.withUnsafeMutableBufferPointer { maxima in
      unsafe sums.withUnsafeMutableBufferPointer { sums in
        unsafe targetLogits.withUnsafeMutableBufferPointer { targetLogits in
          unsafe bestTokens.withUnsafeMutableBufferPointer { bestTokens in
            context.parallelRanges(rows.count, grain: 4) { range in
              for r in range {
                let row = rows.lowerBound + r
                let x = unsafe logits + r * width
                let target = Int(targets[row]) - firstToken
                if target >= 0, target < width { unsafe targetLogits[row] = x[target] }
                let largest = unsafe laneMaximum(x, width)
                if unsafe largest > maxima[row] {
                  // A first index, as the reference's argmax gives on ties within a row.
                  var index = 0
                  while unsafe index < width && x[index] != largest { index += 1 }
                  unsafe bestTokens[row] = Int32(firstToken + index)
                  unsafe sums[row] *= exp(Double(maxima[row] - largest))
                  unsafe maxima[row] = largest
                }
                unsafe sums[row] += Double(exponentialSum(x, width, shift: maxima[row]))
              }
            }
          }
        }
      }
    }
  }

  /// log p(target) of a row, after every slice has been consumed.
  package func logProbability(_ row: Int) -> Double {
    Double(targetLogits[row]) - logNormalizer(row)
  }

  /// ln Σ e^z of a row, after every slice has been consumed.
  package func logNormalizer(_ row: Int) -> Double { Double(maxima[row]) + log(sums[row]) }

  /// The most probable token of a row; the first of equals.
  package func bestToken(_ row: Int) -> Int32 { bestTokens[row] }
}
