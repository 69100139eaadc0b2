import Foundation
import Kernels
import Testing

/// Elements between −1 and 1 from a linear congruential sequence.
private func randomMatrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
  var state = seed
  return Matrix(
    rows: rows, columns: columns,
    elements: (0..<rows * columns).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) * 0x1p-52 - 1
    })
}

private func transposed(_ matrix: Matrix) -> Matrix {
  Matrix(
    rows: matrix.columns, columns: matrix.rows,
    elements: (0..<matrix.columns).flatMap { column in
      (0..<matrix.rows).map { matrix.elements[$0 * matrix.columns + column] }
    })
}

/// The product by its definition.
private func naiveProduct(_ a: Matrix, _ b: Matrix) -> [Double] {
  (0..<a.rows).flatMap { row in
    (0..<b.columns).map { column in
      (0..<a.columns).reduce(0.0) {
        $0 + a.elements[row * a.columns + $1] * b.elements[$1 * b.columns + column]
      }
    }
  }
}

private func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

/// How far the rows are from orthonormal.
private func orthonormalityDefect(_ rows: Matrix) -> Double {
  let products = naiveProduct(rows, transposed(rows))
  return products.enumerated().map { abs($1 - ($0 % (rows.rows + 1) == 0 ? 1 : 0)) }.max() ?? 0
}

@Suite("Linear algebra in double precision")
struct LinearAlgebraTests {
  @Test(
    "products agree with their definition over odd shapes",
    arguments: [(1, 1, 1), (3, 5, 7), (17, 1, 4), (1, 9, 33), (64, 65, 31), (0, 3, 2), (2, 0, 3), (2, 3, 0)])
  func products(rows: Int, inner: Int, columns: Int) throws {
    let (a, b) = (randomMatrix(rows, inner, seed: 1), randomMatrix(inner, columns, seed: 2))
    let expected = naiveProduct(a, b)
    #expect(largestDifference(try Matrix.product(a, b).elements, expected) < 1e-13)
    #expect(
      largestDifference(try Matrix.product(transposed(a), b, transposing: .first).elements, expected) < 1e-13)
    #expect(
      largestDifference(try Matrix.product(a, transposed(b), transposing: .second).elements, expected) < 1e-13
    )
    var sum = randomMatrix(rows, columns, seed: 3)
    let before = sum
    try sum.addProduct(a, b, scale: -2)
    #expect(largestDifference(sum.elements, zip(before.elements, expected).map { $0 - 2 * $1 }) < 1e-13)

    for (side, full) in [
      (GramSide.rows, naiveProduct(a, transposed(a))), (.columns, naiveProduct(transposed(a), a)),
    ] {
      let gram = try a.gram(side)
      let size = side == .rows ? rows : inner
      #expect(gram.rows == size && gram.columns == size)
      for index in full.indices where index % size >= index / size {
        #expect(abs(gram.elements[index] - full[index]) < 1e-13)
      }
    }
  }

  @Test("sums, means and inner products are those of the elements", arguments: [1, 7, 8, 9, 40, 1003])
  func reductions(count: Int) throws {
    let matrix = randomMatrix(3, count, seed: 4)
    let squares = matrix.elements.reduce(0) { $0 + $1 * $1 }
    #expect(abs(matrix.squaredNorm - squares) < 1e-12 * squares)
    let means = (0..<count).map { column in
      (matrix.elements[column] + matrix.elements[count + column] + matrix.elements[2 * count + column]) / 3
    }
    #expect(largestDifference(try matrix.meanRow(), means) < 1e-15)
    let product = zip(matrix[row: 0], matrix[row: 2]).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(dot(Array(matrix[row: 0]), Array(matrix[row: 2])) - product) < 1e-12)
  }

  @Test("rows and columns are cut out and put back where they were")
  func parts() {
    let matrix = Matrix(rows: 3, columns: 4, elements: (0..<12).map(Double.init))
    #expect(matrix.rows(1..<3).elements == [4, 5, 6, 7, 8, 9, 10, 11])
    #expect(matrix.columns(1..<3).elements == [1, 2, 5, 6, 9, 10])
    #expect(matrix.rows(2..<2).elements.isEmpty)
    var other = Matrix(zeros: 3, 4)
    other.replace(columns: 1..<3, with: matrix.columns(1..<3))
    #expect(other.elements == [0, 1, 2, 0, 0, 5, 6, 0, 0, 9, 10, 0])
    other.scale(row: 1, by: -2)
    other.subtract(matrix)
    #expect(other.elements == [0, 0, 0, -3, -4, -15, -18, -7, -8, 0, 0, -11])
    #expect(Matrix(rows: 1, columns: 2, widening: [0.1, 3].span).elements == [Double(Float(0.1)), 3])
    #expect(matrix.narrowed == (0..<12).map(Float.init))
  }

  @Test("eigenvalues of the second difference matrix are 2 − 2 cos(πj/(n+1))", arguments: [1, 2, 3, 30, 257])
  func secondDifference(size: Int) throws {
    var matrix = Matrix(zeros: size, size)
    for row in 0..<size {
      matrix.elements[row * size + row] = 2
      // Only the upper triangle counts: the lower one is left wrong on purpose.
      if row + 1 < size { matrix.elements[row * size + row + 1] = -1 }
    }
    let count = (size + 1) / 2
    let eigen = try SymmetricEigen(upperTriangleOf: matrix, count: count)
    let expected = (1...size).map { 2 - 2 * cos(Double.pi * Double($0) / Double(size + 1)) }
    #expect(largestDifference(eigen.values, expected.reversed()) < 1e-13)
    #expect(eigen.vectors.rows == count && orthonormalityDefect(eigen.vectors) < 1e-13)
    for row in 1..<size { matrix.elements[row * size + row - 1] = -1 }
    let image = try Matrix.product(eigen.vectors, matrix)
    for row in 0..<count {
      #expect(
        zip(image[row: row], eigen.vectors[row: row]).allSatisfy { abs($0 - eigen.values[row] * $1) < 1e-12 })
    }
  }

  @Test("repeated eigenvalues get orthonormal vectors of their span")
  func repeatedEigenvalues() throws {
    var matrix = Matrix(zeros: 9, 9)
    for row in 0..<9 { matrix.elements[row * 10] = row < 4 ? 3 : 1 }
    let eigen = try SymmetricEigen(upperTriangleOf: matrix, count: 4)
    #expect(eigen.values == [3, 3, 3, 3, 1, 1, 1, 1, 1])
    #expect(orthonormalityDefect(eigen.vectors) < 1e-14)
    for row in 0..<4 { #expect(eigen.vectors[row: row].dropFirst(4).allSatisfy { $0 == 0 }) }
    let zero = try SymmetricEigen(upperTriangleOf: Matrix(zeros: 5, 5), count: 5)
    #expect(zero.values == [0, 0, 0, 0, 0] && orthonormalityDefect(zero.vectors) < 1e-14)
    #expect(try SymmetricEigen(upperTriangleOf: Matrix(zeros: 0, 0), count: 0).values.isEmpty)
    #expect(try SymmetricEigen(upperTriangleOf: matrix, count: 0).values.count == 9)
  }

  @Test(
    "singular values and right vectors rebuild AᵀA, and the small ones keep their digits",
    arguments: [(1, 1), (1, 6), (6, 1), (5, 8), (8, 5), (40, 40)])
  func singularValues(rows: Int, columns: Int) throws {
    let matrix = randomMatrix(rows, columns, seed: 7)
    let found = try SingularValues(of: matrix)
    #expect(found.values == found.values.sorted(by: >) && found.values.count == min(rows, columns))
    #expect(orthonormalityDefect(found.right) < 1e-13)
    var scaled = found.right
    for row in 0..<scaled.rows { scaled.scale(row: row, by: found.values[row]) }
    #expect(
      largestDifference(
        naiveProduct(transposed(scaled), scaled), naiveProduct(transposed(matrix), matrix)) < 1e-12)

    // A Gram matrix would lose everything below 10⁻⁸ of the largest.
    var graded = Matrix(zeros: 4, 6)
    for (row, value) in [1, 1e-5, 1e-10, 1e-14].enumerated() { graded.elements[row * 7] = value }
    let values = try SingularValues(of: graded).values
    #expect(zip(values, [1, 1e-5, 1e-10, 1e-14]).allSatisfy { abs($0 / $1 - 1) < 1e-2 })
  }

  @Test(
    "orthonormalised rows span the same nested spaces with the same signs",
    arguments: [(1, 4), (3, 3), (10, 64)])
  func orthonormalRows(rows: Int, columns: Int) throws {
    let matrix = randomMatrix(rows, columns, seed: 9)
    let found = try matrix.orthonormalRows()
    #expect(orthonormalityDefect(found) < 1e-14)
    // A Qᵀ is lower triangular with a positive diagonal.
    let factor = naiveProduct(matrix, transposed(found))
    for index in factor.indices {
      let (row, column) = (index / rows, index % rows)
      if column > row { #expect(abs(factor[index]) < 1e-13) }
      if column == row { #expect(factor[index] > 0) }
    }
    #expect(largestDifference(try found.orthonormalRows().elements, found.elements) < 1e-14)
  }

  @Test("values that are not numbers are an error, not a hang", arguments: [Double.nan, .infinity])
  func notFinite(value: Double) {
    let matrix = Matrix(rows: 2, columns: 2, elements: [1, value, value, 2])
    #expect(throws: LinearAlgebraError.self) { try SymmetricEigen(upperTriangleOf: matrix, count: 1) }
    #expect(throws: LinearAlgebraError.self) { try SingularValues(of: matrix) }
  }

  @Test("a second moment is the sum of outer products, in whatever portions and order the vectors come")
  func secondMoment() throws {
    let (count, width) = (2500, 7)
    var values = randomMatrix(count, width, seed: 21).narrowed
    // One axis is a thousand times as long, as the residual stream's first tokens are.
    for row in 0..<count { values[row * width + 2] *= 1000 }
    var whole = SecondMoment(width: width)
    try whole.add(values.span)
    let rows = Matrix(rows: count, columns: width, widening: values.span)
    let expected = naiveProduct(transposed(rows), rows)
    #expect(whole.count == count && whole.isFinite)
    for row in 0..<width {
      for column in row..<width {
        let scale = (expected[row * width + row] * expected[column * width + column]).squareRoot()
        #expect(
          abs(whole.sum.elements[row * width + column] - expected[row * width + column]) < 1e-13 * scale)
      }
    }
    var portions = SecondMoment(width: width)
    var start = count
    for size in [1, 1023, 0, 2, 1024, 450] {
      start -= size
      try portions.add(values.span.extracting(start * width..<(start + size) * width))
    }
    #expect(start == 0 && portions.count == count)
    let scale = whole.sum.elements.map(abs).max() ?? 0
    #expect(largestDifference(portions.sum.elements, whole.sum.elements) < 1e-13 * scale)

    let directions = try whole.principalDirections(3)
    #expect(directions.rows == 3 && abs(abs(directions.elements[2]) - 1) < 1e-3)
    #expect(orthonormalityDefect(directions) < 1e-13)
    values[3 * width] = .infinity
    try whole.add(values.span)
    #expect(!whole.isFinite)
  }

  @Test("no more principal directions are given than the vectors span")
  func fewDirections() throws {
    var moment = SecondMoment(width: 6)
    #expect(try moment.principalDirections(2).rows == 0)
    let vectors: [Float] = [3, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, -6, 0, 0, 0, -8, 0]
    try moment.add(vectors.span)
    let directions = try moment.principalDirections(9)
    #expect(directions.rows == 2)
    let expected = [0.6, 0, 0, 0, 0.8, 0, 0, 1, 0, 0, 0, 0]
    #expect(largestDifference(directions.elements.map(abs), expected) < 1e-12)
  }
}
