/// The largest of `count` numbers and the first place where it stands; place 0 and −∞ for none.
package func firstLargest(_ x: UnsafePointer<Float>, _ count: Int) -> (index: Int, value: Float) {
  let value = unsafe laneMaximum(x, count)
  let sought = Lanes(repeating: value)
  var i = 0
  while i + 16 <= count, unsafe !any(UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self) .== sought) {
    i += 16
  }
  while i < count, unsafe x[i] != value { i += 1 }
  return (i < count ? i : 0, value)
}

/// Replaces `count` logits by e^((x − largest) / temperature): what their probabilities are proportional to.
package func exponentialWeights(_ x: UnsafeMutablePointer<Float>, _ count: Int, temperature: Float) {
  let largest = unsafe laneMaximum(x, count)
  // Of a temperature next to 0 the largest keeps its weight of 1.
  let scale = min(1 / temperature, .greatestFiniteMagnitude)
  _ = unsafe exponentiate(x, count, shift: largest, scale: scale)
}

/// Draws one of `count` places, each with a probability proportional to its weight.
///
/// - Parameters:
///   - weights: not negative, and not all 0.
///   - share: uniform in [0, 1): the place drawn is the first at which the running sum exceeds this share of the whole.
package func place(ofShare share: Double, _ weights: UnsafePointer<Float>, _ count: Int) -> Int {
  /// Sixteen weights, or those that are left.
  @inline(__always) func sum(from first: Int) -> Double {
    if first + 16 <= count {
      return unsafe Double(UnsafeRawPointer(weights + first).loadUnaligned(as: Lanes.self).sum())
    }
    return Double(unsafe laneSum(weights + first, count - first))
  }
  var total = 0.0
  for first in stride(from: 0, to: count, by: 16) { total += sum(from: first) }
  var remaining = share * total
  // Where rounding leaves something over at the end, the last place with any weight.
  var last = count - 1
  for first in stride(from: 0, to: count, by: 16) {
    let part = sum(from: first)
    guard remaining < part else {
      remaining -= part
      continue
    }
    for index in first..<min(first + 16, count) where unsafe weights[index] > 0 {
      last = index
      unsafe remaining -= Double(weights[index])
      if remaining < 0 { break }
    }
    return last
  }
  while last > 0, unsafe weights[last] == 0 { last -= 1 }
  return last
}
