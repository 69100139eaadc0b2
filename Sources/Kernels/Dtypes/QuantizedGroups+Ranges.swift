/// Groups with a scale and a minimum each.
extension QuantizedGroups {
  /// Scales and minimums of a block's groups: x̂ = (d · s) · q − dmin · m.
  struct Ranges {
    /// d and s.
    var scales = Scales()
    /// dmin and m, which are from 0 on: a range begins at 0 or below.
    var minimums = Scales()

    /// Takes over `other` in some lanes.
    @inline(__always)
    mutating func replace(with other: Ranges, where mask: SIMDMask<SIMD16<Int32>>) {
      scales.shared.replace(with: other.scales.shared, where: mask)
      scales.groups.replace(with: other.scales.groups, where: mask)
      minimums.shared.replace(with: other.minimums.shared, where: mask)
      minimums.groups.replace(with: other.minimums.groups, where: mask)
    }
  }

  /// Finds ranges and codes from 0 to `codeLimit`, with `s` and `m` from 0 to `scaleLimit`.
  mutating func fitRanges(codeLimit: Float, scaleLimit: Float) -> Ranges {
    let real = realRanges(codeLimit: codeLimit)
    var best = Ranges()
    var leastError = Lanes(repeating: .infinity)
    var shared = (
      scale: blockMaximum(real.scale) / scaleLimit, minimum: blockMaximum(real.minimum) / scaleLimit
    )
    for _ in 0..<3 {
      shared = (Self.roundedToF16(shared.scale), Self.roundedToF16(shared.minimum))
      let scale = Self.clamped(Quantize.nearest(real.scale * Self.inverse(shared.scale)), 0, scaleLimit)
      let minimum = Self.clamped(Quantize.nearest(real.minimum * Self.inverse(shared.minimum)), 0, scaleLimit)
      var found = Ranges()
      var error = Lanes(repeating: .infinity)
      for scaleStep: Float in [0, -1, 1] {
        for minimumStep: Float in [0, -1, 1] {
          let candidate = Ranges(
            scales: Scales(shared: shared.scale, groups: Self.clamped(scale + scaleStep, 0, scaleLimit)),
            minimums: Scales(
              shared: shared.minimum, groups: Self.clamped(minimum + minimumStep, 0, scaleLimit)))
          let candidateError = squaredError(candidate, codeLimit: codeLimit)
          found.replace(with: candidate, where: candidateError .< error)
          error.replace(with: candidateError, where: candidateError .< error)
        }
      }
      let total = blockSum(error)
      best.replace(with: found, where: total .< leastError)
      leastError.replace(with: total, where: total .< leastError)
      shared = refitted(found, codeLimit: codeLimit)
    }
    encode(best, codeLimit: codeLimit)
    return best
  }

  /// Scale and minimum of each group with the least squared error for its own codes, over candidates and two rounds of
  /// codes for the fit and a fit for the codes.
  private func realRanges(codeLimit: Float) -> (scale: Lanes, minimum: Lanes) {
    var (low, high) = (Lanes.zero, Lanes(repeating: -.infinity))
    for value in values {
      low.replace(with: value, where: value .< low)
      high.replace(with: value, where: value .> high)
    }
    let inverseWidth = Self.inverse(high - low)
    var (scale, minimum, least) = (Lanes.zero, Lanes.zero, Lanes(repeating: .infinity))
    func consider(_ inverse: Lanes, _ start: Lanes) {
      let (a, b, error) = leastSquares(inverse, start, codeLimit)
      scale.replace(with: a, where: error .< least)
      minimum.replace(with: b, where: error .< least)
      least.replace(with: error, where: error .< least)
    }
    // The code that the largest element gets, beyond the last one when it is cut off.
    for step in -10...14 { consider(inverseWidth * (codeLimit + Float(step) * 0.1), low) }
    for _ in 0..<2 { consider(Self.inverse(scale), -minimum) }
    return (scale, minimum)
  }

  /// The codes of (x − start) · inverse, then the scale ≥ 0 and the minimum ≥ 0 of least squares for them, and their
  /// squared error (less Σ x², which is the same for all).
  @inline(__always)
  private func leastSquares(
    _ inverse: Lanes, _ start: Lanes, _ codeLimit: Float
  ) -> (scale: Lanes, minimum: Lanes, error: Lanes) {
    var (sum, code, codeSquare, product) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
    for value in values {
      let q = Self.clamped(Quantize.nearest((value - start) * inverse), 0, codeLimit)
      sum += value
      code += q
      codeSquare += q * q
      product += q * value
    }
    let count = Float(values.count)
    let determinant = Self.inverse(codeSquare * count - code * code)
    var scale = (product * count - sum * code) * determinant
    var minimum = (product * code - sum * codeSquare) * determinant
    // A range that would begin above 0 begins at 0, and so does that of a group whose codes are all the same, unless
    // they are all 0.
    let beginsAtZero = minimum .< 0 .| determinant .== 0
    scale.replace(with: product * Self.inverse(codeSquare), where: beginsAtZero)
    minimum.replace(with: 0, where: beginsAtZero)
    minimum.replace(with: -sum / count, where: codeSquare .== 0 .& sum .< 0)
    scale.replace(with: 0, where: scale .< 0)
    // Σ (a q − b)² − 2 Σ x (a q − b)
    let ofScale: Lanes = scale * (scale * codeSquare - product * 2)
    let ofMinimum: Lanes = minimum * (minimum * count + sum * 2)
    let ofBoth: Lanes = scale * minimum * code * 2
    return (scale, minimum, ofScale + ofMinimum - ofBoth)
  }

  /// Σ (x̂ − x)² of each group.
  @inline(__always)
  private func squaredError(_ ranges: Ranges, codeLimit: Float) -> Lanes {
    let scale = ranges.scales.shared * ranges.scales.groups
    let minimum = ranges.minimums.shared * ranges.minimums.groups
    let inverse = Self.inverse(scale)
    var error = Lanes.zero
    for value in values {
      let q = Self.clamped(Quantize.nearest((value + minimum) * inverse), 0, codeLimit)
      let difference = scale * q - minimum - value
      error += difference * difference
    }
    return error
  }

  /// The shared scales of least squares for the codes that `ranges` gives.
  private func refitted(_ ranges: Ranges, codeLimit: Float) -> (scale: Lanes, minimum: Lanes) {
    let (scale, minimum) = (ranges.scales, ranges.minimums)
    let inverse = Self.inverse(scale.shared * scale.groups)
    let start = minimum.shared * minimum.groups
    var (uu, uv, vv, xu, xv) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
    for value in values {
      let u = scale.groups * Self.clamped(Quantize.nearest((value + start) * inverse), 0, codeLimit)
      let v = minimum.groups
      uu += u * u
      uv += u * v
      vv += v * v
      xu += value * u
      xv += value * v
    }
    (uu, uv, vv, xu, xv) = (blockSum(uu), blockSum(uv), blockSum(vv), blockSum(xu), blockSum(xv))
    // x ≈ d u − dmin v.
    let determinant = Self.inverse(uu * vv - uv * uv)
    let alone = determinant .== 0
    let d = ((xu * vv - xv * uv) * determinant).replacing(with: xu * Self.inverse(uu), where: alone)
    let dmin = ((xu * uv - xv * uu) * determinant).replacing(with: 0, where: alone)
    return (d.replacing(with: 0, where: d .< 0), dmin.replacing(with: 0, where: dmin .< 0))
  }

  private mutating func encode(_ ranges: Ranges, codeLimit: Float) {
    let inverse = Self.inverse(ranges.scales.shared * ranges.scales.groups)
    let start = ranges.minimums.shared * ranges.minimums.groups
    setCodes { Self.clamped(Quantize.nearest(($0 + start) * inverse), 0, codeLimit) }
  }
}
