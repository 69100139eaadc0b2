/// The uncentred second moment Σ x xᵀ of vectors x that come a few at a time.
///
/// Its eigenvectors are the principal directions of the vectors: those along which they are long. Vectors are widened
/// exactly, products and sums are in double precision, so neither their order nor how they are divided into portions
/// changes a sum by more than about 2⁻⁵³ of it for each vector. Memory: `width`² doubles.
package struct SecondMoment: Sendable {
  /// Number of vectors added.
  package private(set) var count = 0
  /// The sum, `[width, width]`, of which only the upper triangle (column ≥ row) is filled.
  package private(set) var sum: Matrix

  /// Length of a vector.
  package var width: Int { sum.columns }

  /// The second moment of no vectors.
  package init(width: Int) {
    sum = Matrix(zeros: width, width)
  }

  /// Adds `vectors`, `[any number, width]` row after row.
  ///
  /// Throws when the width is beyond the BLAS's index range.
  package mutating func add(_ vectors: Span<Float>) throws(LinearAlgebraError) {
    precondition(vectors.count.isMultiple(of: width), "a vector is incomplete")
    let number = vectors.count / width
    // The widened copy stays small, whatever comes.
    for start in stride(from: 0, to: number, by: 1024) {
      let end = min(start + 1024, number)
      let portion = vectors.extracting(start * width..<end * width)
      try sum.addGram(of: Matrix(rows: end - start, columns: width, widening: portion), .columns)
    }
    count += number
  }

  /// Adds the vectors of another moment of the same width.
  package mutating func add(_ other: SecondMoment) {
    precondition(other.width == width, "vectors of another width")
    let added = other.sum.elements.span
    var own = sum.elements.mutableSpan
    for index in 0..<added.count { own[index] += added[index] }
    count += other.count
  }

  /// Adds what the other processes have added, in all of them.
  package mutating func add(over ranks: Communicator) {
    guard ranks.size > 1 else { return }
    ranks.sum(&sum.elements)
    var total = [Double(count)]
    ranks.sum(&total)
    count = Int(total[0])
  }

  /// Whether no vector held NaN or infinity: any such element would stand, squared, on the diagonal.
  package var isFinite: Bool { (0..<width).allSatisfy { sum.elements[$0 * (width + 1)].isFinite } }

  /// The orthonormal principal directions, most important first, `[count, width]`: `count` of them, or as many as the
  /// vectors span beyond rounding.
  ///
  /// Throws when the decomposition fails.
  package func principalDirections(_ count: Int) throws(LinearAlgebraError) -> Matrix {
    let eigen = try SymmetricEigen(upperTriangleOf: sum, count: min(count, width))
    let noise = Double(width) * 0x1p-52 * (eigen.values.first ?? 0)
    return eigen.vectors.rows(0..<min(count, eigen.values.count { $0 > noise }))
  }
}
