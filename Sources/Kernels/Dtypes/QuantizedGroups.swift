/// Sixteen groups of elements of a block or two, side by side, on their way into a type whose groups have scales of
/// their own, themselves small whole numbers times a scale that the block shares.
///
/// Element `j` of group `g` is lane `g` of `values[j]`, so that all groups are searched at once and no sum goes across
/// lanes. Where blocks have fewer groups several stand side by side; lanes of a block that is not there are 0.
///
/// The squared error Σ (x̂ − x)² is minimised, in three steps as in ggml's reference, though not by its formulas: the
/// best real scale of each group, from many candidates; then the shared scale that takes the largest of them to the end
/// of its range; then, with f16's rounding known, the whole-number scale of each group and the nearest codes. Here the
/// third step also looks at neighbouring scales, and the shared scale is fitted once more to the codes found.
struct QuantizedGroups {
  /// An element of each of the sixteen groups.
  typealias Lanes = SIMD16<Float>

  /// The elements.
  private(set) var values: [Lanes]
  /// Groups of a block: 16, 8 or 1.
  let groupsPerBlock: Int
  /// The codes found: whole numbers, or a table's values.
  private(set) var codes: [Lanes]

  /// Room for groups of `size` elements.
  init(size: Int, groupsPerBlock: Int) {
    values = Array(repeating: .zero, count: size)
    codes = values
    self.groupsPerBlock = groupsPerBlock
  }

  /// Takes the elements of the blocks from `first` on, as many as fit and are among `blocks`, and answers their number.
  mutating func load(_ source: UnsafePointer<Float>, first: Int, blocks: Int) -> Int {
    let size = values.count
    let present = min(16 / groupsPerBlock, blocks - first)
    for group in 0..<16 {
      let isPresent = group < present * groupsPerBlock
      let start = first * groupsPerBlock * size + group * size
      for index in 0..<size { values[index][group] = unsafe isPresent ? source[start + index] : 0 }
    }
    return present
  }

  /// The codes of the block in place `place`, in the order of its elements, as bytes.
  func codeBytes(place: Int, plus bias: Float = 0) -> [UInt8] {
    let size = values.count
    var bytes = [UInt8](repeating: 0, count: groupsPerBlock * size)
    for index in 0..<size {
      let column = Quantize.codes(codes[index] + bias)
      for group in 0..<groupsPerBlock { bytes[group * size + index] = column[place * groupsPerBlock + group] }
    }
    return bytes
  }

  /// Makes a code of each element.
  @inline(__always)
  mutating func setCodes(_ code: (Lanes) -> Lanes) {
    for index in values.indices { codes[index] = code(values[index]) }
  }

  // MARK: Scales alone

  /// Scales of a block's groups: x̂ = (d · s) · q.
  struct Scales {
    /// d, as f16 holds it, of the block that each lane is in.
    var shared = Lanes.zero
    /// s, whole numbers.
    var groups = Lanes.zero
  }

  /// Finds scales and codes for x̂ = (d · s) · q, with `s` from `scaleLow` to −`scaleLow` − 1.
  ///
  /// - Parameters:
  ///   - ends: candidates for the code of a group's element of largest magnitude.
  ///   - nearest: the code nearest to a quotient.
  @inline(__always)
  mutating func fitScales(scaleLow: Float, ends: [Float], nearest: (Lanes) -> Lanes) -> Scales {
    let real = realScales(ends: ends, nearest: nearest)
    let peak = blockPeak(real)
    var best = Scales()
    var leastError = Lanes(repeating: .infinity)
    var shared = peak / scaleLow
    for _ in 0..<3 {
      shared = Self.roundedToF16(shared)
      let target = Self.clamped(Quantize.nearest(real * Self.inverse(shared)), scaleLow, -scaleLow - 1)
      var found = Scales(shared: shared, groups: target)
      var error = Lanes(repeating: .infinity)
      for step: Float in [0, -1, 1] {
        let groups = Self.clamped(target + step, scaleLow, -scaleLow - 1)
        let candidate = squaredError(shared * groups, nearest: nearest)
        found.groups.replace(with: groups, where: candidate .< error)
        error.replace(with: candidate, where: candidate .< error)
      }
      let total = blockSum(error)
      best.shared.replace(with: found.shared, where: total .< leastError)
      best.groups.replace(with: found.groups, where: total .< leastError)
      leastError.replace(with: total, where: total .< leastError)
      shared = refitted(found, nearest: nearest)
    }
    let scale = best.shared * best.groups
    let inverse = Self.inverse(scale)
    setCodes { nearest($0 * inverse) }
    return best
  }

  /// The scale of each group with the least squared error for its own codes, over the candidates.
  @inline(__always)
  private func realScales(ends: [Float], nearest: (Lanes) -> Lanes) -> Lanes {
    var peak = Lanes.zero
    for value in values {
      peak.replace(with: value, where: Quantize.magnitude(value) .> Quantize.magnitude(peak))
    }
    let inversePeak = Self.inverse(peak)
    var best = Lanes.zero
    var bestGain = Lanes.zero
    for end in ends {
      let inverse = inversePeak * end
      var (product, square) = (Lanes.zero, Lanes.zero)
      for value in values {
        let code = nearest(value * inverse)
        product += value * code
        square += code * code
      }
      // Σ x² less this is the error of the least-squares scale.
      let scale = product * Self.inverse(square)
      let gain = product * scale
      best.replace(with: scale, where: gain .> bestGain)
      bestGain.replace(with: gain, where: gain .> bestGain)
    }
    return best
  }

  /// Σ (x̂ − x)² of each group when its scale is `scale`.
  @inline(__always)
  private func squaredError(_ scale: Lanes, nearest: (Lanes) -> Lanes) -> Lanes {
    let inverse = Self.inverse(scale)
    var error = Lanes.zero
    for value in values {
      let difference = scale * nearest(value * inverse) - value
      error += difference * difference
    }
    return error
  }

  /// The shared scale of least squares for the codes that `scales` gives.
  @inline(__always)
  private func refitted(_ scales: Scales, nearest: (Lanes) -> Lanes) -> Lanes {
    let inverse = Self.inverse(scales.shared * scales.groups)
    var (product, square) = (Lanes.zero, Lanes.zero)
    for value in values {
      let unit = scales.groups * nearest(value * inverse)
      product += value * unit
      square += unit * unit
    }
    return blockSum(product) * Self.inverse(blockSum(square))
  }

  /// Finds scales and codes for x̂ = d · q, where each group is a block; answers d, as f16 holds it.
  @inline(__always)
  mutating func fitOwnScales(ends: [Float], nearest: (Lanes) -> Lanes) -> Lanes {
    let scales = Self.roundedToF16(realScales(ends: ends, nearest: nearest))
    let inverse = Self.inverse(scales)
    setCodes { nearest($0 * inverse) }
    return scales
  }

  // MARK: Lanes

  /// The part of `scales` that is the same for the block in place `place`, as the bits of f16.
  func sharedBits(_ shared: Lanes, place: Int) -> UInt16 {
    HalfPrecision.narrowToF16(shared[place * groupsPerBlock])
  }

  /// The sum over the lanes of a block, in each of them.
  func blockSum(_ lanes: Lanes) -> Lanes {
    if groupsPerBlock == 16 { return Lanes(repeating: lanes.sum()) }
    let (low, high) = (lanes.lowHalf.sum(), lanes.highHalf.sum())
    return Lanes(lowHalf: SIMD8(repeating: low), highHalf: SIMD8(repeating: high))
  }

  /// The largest over the lanes of a block, in each of them.
  func blockMaximum(_ lanes: Lanes) -> Lanes {
    if groupsPerBlock == 16 { return Lanes(repeating: lanes.max()) }
    return Lanes(
      lowHalf: SIMD8(repeating: lanes.lowHalf.max()), highHalf: SIMD8(repeating: lanes.highHalf.max()))
  }

  /// The one of largest magnitude over the lanes of a block, in each of them.
  private func blockPeak(_ lanes: Lanes) -> Lanes {
    let (largest, smallest) = (blockMaximum(lanes), -blockMaximum(-lanes))
    return largest.replacing(with: smallest, where: -smallest .> largest)
  }

  /// 1 / x, and 0 for what has none that is finite.
  @inline(__always)
  static func inverse(_ lanes: Lanes) -> Lanes {
    (1 / lanes).replacing(with: 0, where: Quantize.magnitude(lanes) .< 0x1p-120)
  }

  /// `lanes` within `low...high`.
  @inline(__always)
  static func clamped(_ lanes: Lanes, _ low: Float, _ high: Float) -> Lanes {
    let bounded = lanes.replacing(with: low, where: lanes .< low)
    return bounded.replacing(with: high, where: bounded .> high)
  }

  /// The nearest numbers that f16 has.
  static func roundedToF16(_ lanes: Lanes) -> Lanes {
    var rounded = lanes
    for lane in 0..<16 {
      rounded[lane] = HalfPrecision.widenF16(HalfPrecision.narrowToF16(lanes[lane]))
    }
    return rounded
  }
}
