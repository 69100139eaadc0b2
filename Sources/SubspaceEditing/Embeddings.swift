internal import Kernels

/// Vectors of one width in single precision, one a row: embeddings of texts, or directions.
public struct Embeddings: Sendable, Equatable {
  /// Number of vectors.
  public let count: Int
  /// Width of a vector.
  public let hidden: Int
  /// The vectors, one after another, `[count, hidden]`.
  public let values: [Float]

  /// Wraps `values`, `[count, hidden]` row after row.
  ///
  /// Throws when their number is not `count × hidden`. Values are not looked at.
  public init(count: Int, hidden: Int, values: [Float]) throws(SubspaceError) {
    let (size, overflow) = count.multipliedReportingOverflow(by: hidden)
    guard count >= 0, hidden >= 0, !overflow, values.count == size else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "values of \(count) vectors of width \(hidden)", expected: overflow ? -1 : size,
          found: values.count))
    }
    (self.count, self.hidden, self.values) = (count, hidden, values)
  }

  /// The first `count` of them, of which there are as many.
  func prefix(_ count: Int) throws(SubspaceError) -> Embeddings {
    try Embeddings(count: count, hidden: hidden, values: Array(values.prefix(count * hidden)))
  }

  /// The inner products of these vectors with `others`, `[count, others.count]` row after row, summed in double precision.
  ///
  /// Throws when widths differ or a value is not finite.
  package func products(with others: Embeddings) throws(SubspaceError) -> [Float] {
    guard hidden == others.hidden else {
      throw SubspaceError(
        reason: .sizesDisagree(what: "width of the other vectors", expected: hidden, found: others.hidden))
    }
    let (rows, columns) = (try matrix("directions"), try others.matrix("embeddings"))
    return try computing { () throws(LinearAlgebraError) in
      try Matrix.product(rows, columns, transposing: .second).narrowed
    }
  }

  /// The same vectors at length 1, where they have one.
  package func normalized() throws(SubspaceError) -> Embeddings {
    var rows = try matrix("directions")
    for row in 0..<count {
      let length = rows.rows(row..<row + 1).squaredNorm.squareRoot()
      if length > 0 { rows.scale(row: row, by: 1 / length) }
    }
    return try Embeddings(count: count, hidden: hidden, values: rows.narrowed)
  }

  /// The values in double precision, `[count, hidden]`.
  ///
  /// Throws when a value is not finite, naming `what` and the row.
  func matrix(_ what: String) throws(SubspaceError) -> Matrix {
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw SubspaceError(reason: .notFinite(what: what, row: index / hidden))
    }
    return Matrix(rows: count, columns: hidden, widening: values.span)
  }
}

/// Runs linear algebra and passes its failure on as this module's error.
func computing<R>(_ body: () throws(LinearAlgebraError) -> R) throws(SubspaceError) -> R {
  do { return try body() } catch { throw SubspaceError(reason: .linearAlgebra(error.description)) }
}
