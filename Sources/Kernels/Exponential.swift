internal import CVectorLoops

/// Lanes of the vector loops.
///
/// Sixteen floats fill an AVX-512 register and split evenly into narrower ones.
package typealias Lanes = SIMD16<Float>

extension SIMD16<Float> {
  /// eˣ in each lane, relative error below 2·10⁻⁷; inputs are clamped to [−87.3, 88.3], so the result is finite
  /// and positive.
  ///
  /// In C, whose choice between two vectors becomes one instruction.
  @inline(__always)
  package static func fastExponential(_ x: Self) -> Self { profs_exponential(x) }
}

extension SIMD16<Float> {
  /// The hyperbolic tangent in each lane, absolute error below 2·10⁻⁷: 1 − 2/(e²ˣ + 1).
  @inline(__always)
  package static func fastTangent(_ x: Self) -> Self { 1 - 2 / (fastExponential(2 * x) + 1) }

  /// The error function in each lane, absolute error below 3·10⁻⁷ (Abramowitz and Stegun, 7.1.26).
  @inline(__always)
  package static func fastErrorFunction(_ x: Self) -> Self {
    var magnitude = x
    magnitude.replace(with: -x, where: x .< 0)
    let t = 1 / (1 + 0.327_591_1 * magnitude)
    var p = Self(repeating: 1.061_405_429)
    p = p * t - 1.453_152_027
    p = p * t + 1.421_413_741
    p = p * t - 0.284_496_736
    p = p * t + 0.254_829_592
    var result = 1 - p * t * fastExponential(-magnitude * magnitude)
    result.replace(with: -result, where: x .< 0)
    return result
  }
}

/// Sum of `count` floats in f32 lanes.
@inline(__always)
func laneSum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var lanes = Lanes.zero
  var i = 0
  while i + 16 <= count {
    unsafe lanes += UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self)
    i += 16
  }
  var sum = lanes.sum()
  while i < count {
    unsafe sum += x[i]
    i += 1
  }
  return sum
}

/// Largest of `count` floats; −∞ for none.
@inline(__always)
func laneMaximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var lanes = Lanes(repeating: -.infinity)
  var i = 0
  while i + 16 <= count {
    let value = unsafe UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self)
    lanes.replace(with: value, where: value .> lanes)
    i += 16
  }
  var largest = lanes.max()
  while i < count {
    largest = unsafe max(largest, x[i])
    i += 1
  }
  return largest
}

/// Sum of e^(x − shift) over `count` floats.
@inline(__always)
func exponentialSum(_ x: UnsafePointer<Float>, _ count: Int, shift: Float) -> Float {
  var lanes = Lanes.zero
  let offset = Lanes(repeating: shift)
  var i = 0
  while i + 16 <= count {
    unsafe lanes += Lanes.fastExponential(UnsafeRawPointer(x + i).loadUnaligned(as: Lanes.self) - offset)
    i += 16
  }
  var sum = lanes.sum()
  while i < count {
    sum += unsafe Lanes.fastExponential(Lanes(repeating: x[i] - shift))[0]
    i += 1
  }
  return sum
}

/// Replaces x by e^(scale · (x − shift)) over `count` floats and answers their sum.
@inline(__always)
func exponentiate(_ x: UnsafeMutablePointer<Float>, _ count: Int, shift: Float, scale: Float = 1) -> Float {
  var lanes = Lanes.zero
  let offset = Lanes(repeating: shift)
  var i = 0
  while i + 16 <= count {
    let pointer = unsafe UnsafeMutableRawPointer(x + i)
    let e = unsafe Lanes.fastExponential(scale * (pointer.loadUnaligned(as: Lanes.self) - offset))
    unsafe pointer.storeBytes(of: e, as: Lanes.self)
    lanes += e
    i += 16
  }
  var sum = lanes.sum()
  while i < count {
    let e = unsafe Lanes.fastExponential(Lanes(repeating: scale * (x[i] - shift)))[0]
    unsafe x[i] = e
    sum += e
    i += 1
  }
  return sum
}

/// Presses `count` floats under a bound: x ← c · tanh(x / c).
package func softCap(_ x: UnsafeMutablePointer<Float>, _ count: Int, at bound: Float) {
  var i = 0
  while i + 16 <= count {
    let pointer = unsafe UnsafeMutableRawPointer(x + i)
    let value = unsafe pointer.loadUnaligned(as: Lanes.self)
    unsafe pointer.storeBytes(of: bound * Lanes.fastTangent(value / bound), as: Lanes.self)
    i += 16
  }
  while i < count {
    unsafe x[i] = bound * Lanes.fastTangent(Lanes(repeating: x[i] / bound))[0]
    i += 1
  }
}
