/// A dense matrix of doubles, `[rows, columns]`, stored row after row.
///
/// Element access in a loop is not offered: arithmetic goes through the functions of this folder, which
/// hand whole matrices to BLAS and LAPACK. Shapes that do not fit are a programmer's error and trap.
package struct Matrix: Sendable, Equatable {
  /// Number of rows.
  package let rows: Int
  /// Number of columns.
  package let columns: Int
  /// The elements, row after row; their number never changes.
  package var elements: [Double]

  /// A matrix over `elements`, row after row; their number must be `rows × columns`.
  package init(rows: Int, columns: Int, elements: [Double]) {
    precondition(rows >= 0 && columns >= 0 && elements.count == rows * columns, "shape and elements disagree")
    (self.rows, self.columns, self.elements) = (rows, columns, elements)
  }

  /// A matrix of zeros.
  package init(zeros rows: Int, _ columns: Int) {
    self.init(rows: rows, columns: columns, elements: Array(repeating: 0, count: rows * columns))
  }

  /// Exact widening of single-precision elements, row after row; `rows × columns` of them.
  package init(rows: Int, columns: Int, widening source: Span<Float>) {
    precondition(source.count == rows * columns, "shape and elements disagree")
    let elements = unsafe [Double](unsafeUninitializedCapacity: source.count) { buffer, count in
      for index in 0..<source.count { unsafe buffer[index] = Double(source[index]) }
      count = source.count
    }
    self.init(rows: rows, columns: columns, elements: elements)
  }

  /// The elements rounded to single precision, row after row.
  package var narrowed: [Float] { elements.map(Float.init) }

  /// One row, as a view into the elements.
  package subscript(row row: Int) -> ArraySlice<Double> {
    elements[row * columns..<(row + 1) * columns]
  }

  /// A copy of the rows in `range`, `[range.count, columns]`.
  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside the matrix")
    return Matrix(
      rows: range.count, columns: columns,
      elements: Array(elements[range.lowerBound * columns..<range.upperBound * columns]))
  }

  /// A copy of the columns in `range`, `[rows, range.count]`.
  package func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside the matrix")
    var result: [Double] = []
    result.reserveCapacity(rows * range.count)
    for row in 0..<rows {
      result += self[row: row][(row * columns + range.lowerBound)...].prefix(range.count)
    }
    return Matrix(rows: rows, columns: range.count, elements: result)
  }

  /// Overwrites the columns in `range` by `other`, `[rows, range.count]`.
  package mutating func replace(columns range: Range<Int>, with other: Matrix) {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside the matrix")
    precondition(other.rows == rows && other.columns == range.count, "columns of another shape")
    for row in 0..<rows {
      elements.replaceSubrange(
        row * columns + range.lowerBound..<row * columns + range.upperBound, with: other[row: row])
    }
  }

  /// Subtracts a matrix of the same shape, element by element.
  package mutating func subtract(_ other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "matrices of different shapes")
    let others = other.elements.span
    var own = elements.mutableSpan
    for index in 0..<others.count { own[index] -= others[index] }
  }

  /// Multiplies every element of one row by `factor`.
  package mutating func scale(row: Int, by factor: Double) {
    let range = row * columns..<(row + 1) * columns
    for index in range { elements[index] *= factor }
  }

  /// Multiplies every row by `factors`, one for each column.
  package mutating func scaleColumns(by factors: [Double]) {
    precondition(factors.count == columns, "a factor for every column")
    for row in 0..<rows {
      for column in 0..<columns { elements[row * columns + column] *= factors[column] }
    }
  }

  /// The mean of the rows, one value a column; not a number when there is no row.
  ///
  /// Throws when the matrix is beyond the BLAS's index range.
  package func meanRow() throws(LinearAlgebraError) -> [Double] {
    let weights = Matrix(rows: 1, columns: rows, elements: Array(repeating: 1 / Double(rows), count: rows))
    return try Matrix.product(weights, self).elements
  }

  /// The sum of the squared elements, ‖A‖²_F.
  package var squaredNorm: Double { dot(elements, elements) }
}
