/// Lanes of the vector loops.
///
/// Sixteen floats fill an AVX-512 register and split evenly into narrower ones.
package typealias Lanes = SIMD16<Float>

extension SIMD16<Float> {
  /// eˣ in each lane, relative error below 2·10⁻⁷; inputs are clamped to [−87.3, 88.3], so the result is finite
  /// and positive.
  ///
  /// x = n·ln 2 + r with |r| ≤ ln 2 / 2; eʳ by a polynomial of degree 6 (the coefficients of Cephes' `expf`), 2ⁿ by
  /// writing the exponent bits.
  @inline(__always)
  package static func fastExponential(_ x: Self) -> Self {
    // Masked replacement compiles to vector instructions; `clamped` and `pointwiseMax` go lane by lane.
    var clamped = x
    clamped.replace(with: -87.3, where: x .< -87.3)
    clamped.replace(with: 88.3, where: x .> 88.3)
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the low mantissa bits.
    let magic = Self(repeating: 12_582_912)
    let shifted = clamped * 1.442_695_04 + magic
    let n = shifted - magic
    let r = clamped - n * 0.693_359_375 + n * 2.121_944_4e-4
    var p = Self(repeating: 1.987_569_15e-4)
    p = p * r + 1.398_199_95e-3
    p = p * r + 8.333_451_9e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 1.666_666_55e-1
    p = p * r + 5.000_000_1e-1
    let value = p * r * r + r + 1
    let exponent = unsafe unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &<< 23
    let bits = unsafe unsafeBitCast(value, to: SIMD16<UInt32>.self) &+ exponent
    return unsafe unsafeBitCast(bits, to: Self.self)
  }
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
