internal import Kernels

/// What the preference matrix of one block is decomposed from where pairs outnumber dimensions: sums over the pairs, which
/// take the same memory however many pairs there are.
///
/// With d = x⁺ − x⁻ the difference of a pair's embeddings and x⁻ the chosen one: Σ d dᵀ, Σ d, Σ x⁻, Σ ‖x⁻‖², and Σ x⁻ x⁻ᵀ
/// where its first eigenvector is wanted. Values are widened exactly, products and sums are in double precision, so how
/// pairs are divided into portions changes a sum by no more than about 2⁻⁵³ of it for each pair. Memory: `hidden`² doubles,
/// twice as many with the chosen side's moment.
package struct PairMoments: Sendable {
  /// Number of pairs added.
  package private(set) var pairs = 0
  /// Σ d dᵀ, `[hidden, hidden]`, of which only the upper triangle (column ≥ row) is filled.
  private(set) var difference: Matrix
  /// Σ d, `[1, hidden]`.
  private(set) var differenceSum: Matrix
  /// Σ x⁻, `[1, hidden]`.
  private(set) var chosenSum: Matrix
  /// Σ ‖x⁻‖²; `nil` in other coordinates than the embeddings'.
  private(set) var chosenSquares: Double? = 0
  /// Σ x⁻ x⁻ᵀ, the upper triangle, where it is wanted.
  private(set) var chosen: Matrix?

  /// Length of an embedding.
  package var hidden: Int { difference.columns }

  /// The sums over no pairs.
  ///
  /// - Parameter withChosenMoment: whether ``Protection/chosenPrincipal`` is going to be asked for.
  package init(hidden: Int, withChosenMoment: Bool = false) {
    difference = Matrix(zeros: hidden, hidden)
    (differenceSum, chosenSum) = (Matrix(zeros: 1, hidden), Matrix(zeros: 1, hidden))
    chosen = withChosenMoment ? Matrix(zeros: hidden, hidden) : nil
  }

  /// Adds pairs, `[any number, hidden]` row after row on both sides.
  ///
  /// Throws when a value is not finite, naming the side and the pair, or the width is beyond the BLAS's index range.
  package mutating func add(rejected: Span<Float>, chosen: Span<Float>) throws(SubspaceError) {
    precondition(rejected.count == chosen.count && chosen.count.isMultiple(of: hidden), "two sides of pairs")
    // The widened copies stay small, whatever comes.
    for start in stride(from: 0, to: chosen.count / hidden, by: 1024) {
      let range = start * hidden..<min((start + 1024) * hidden, chosen.count)
      let chosenRows = try widened(chosen.extracting(range), "chosen embeddings")
      var differences = try widened(rejected.extracting(range), "rejected embeddings")
      differences.subtract(chosenRows)
      try add(differences, chosenRows)
    }
  }

  private func widened(_ values: Span<Float>, _ what: String) throws(SubspaceError) -> Matrix {
    let rows = Matrix(rows: values.count / hidden, columns: hidden, widening: values)
    if let index = rows.elements.firstIndex(where: { !$0.isFinite }) {
      throw SubspaceError(reason: .notFinite(what: what, row: pairs + index / hidden))
    }
    return rows
  }

  private mutating func add(_ differences: Matrix, _ chosenRows: Matrix) throws(SubspaceError) {
    let count = differences.rows
    let ones = Matrix(rows: 1, columns: count, elements: Array(repeating: 1, count: count))
    do {
      try difference.addGram(of: differences, .columns)
      try differenceSum.addProduct(ones, differences)
      try chosenSum.addProduct(ones, chosenRows)
      try chosen?.addGram(of: chosenRows, .columns)
    } catch {
      throw SubspaceError(reason: .linearAlgebra(error.description))
    }
    chosenSquares = chosenSquares.map { $0 + chosenRows.squaredNorm }
    pairs += count
  }

  /// The sums over the same pairs in the coordinates of `whitening`.
  package func whitened(by whitening: Whitening) throws(SubspaceError) -> PairMoments {
    var result = self
    // A G Aᵀ, first the rows of the symmetric G in the new coordinates and then its columns.
    let half = try whitening.whitened(difference.mirrored).transposed
    result.difference = try whitening.whitened(half)
    result.differenceSum = try whitening.whitened(differenceSum)
    result.chosenSum = try whitening.whitened(chosenSum)
    (result.chosenSquares, result.chosen) = (nil, nil)
    return result
  }
}

extension Matrix {
  /// The symmetric matrix whose upper triangle this one holds.
  var mirrored: Matrix {
    precondition(rows == columns, "a symmetric matrix is square")
    var result = self
    for row in 0..<rows {
      for column in 0..<row { result.elements[row * columns + column] = elements[column * columns + row] }
    }
    return result
  }

  /// Rows as columns.
  var transposed: Matrix {
    var result = Matrix(zeros: columns, rows)
    for row in 0..<rows {
      for column in 0..<columns { result.elements[column * rows + row] = elements[row * columns + column] }
    }
    return result
  }
}
