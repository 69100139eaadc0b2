internal import Kernels

/// V W: the part of a weight matrix that writes into a subspace, in the subspace's coordinates.
///
/// Rows of W are added in blocks of any size and order, each once, so that a matrix of any size passes
/// through without a copy in double precision. What is held is `[rank, inputs]` doubles. After an edit of
/// full strength ‖V W′‖_F is zero but for rounding, which is how an edit is proved.
public struct WeightCoefficients: Sendable {
  /// The subspace.
  public let subspace: BlockSubspace
  /// Size and layout of W.
  public let shape: WeightShape
  /// The sum of the squares of the elements of W added so far, ‖W‖²_F.
  public private(set) var squaredWeightNorm = 0.0

  /// V, `[rank, outputs]`.
  let basis: Matrix
  /// U, `[rank, outputs]`, what an edit takes away: V, unless the projection is oblique.
  let taken: Matrix
  /// V W as far as it was added, `[rank, inputs]`.
  private(set) var matrix: Matrix

  /// ‖V W‖_F of the rows added so far.
  public var norm: Double { matrix.squaredNorm.squareRoot() }
  /// ‖V W‖_F / ‖W‖_F of the rows added so far: 0 for a matrix that does not write into the subspace.
  public var relativeNorm: Double { squaredWeightNorm > 0 ? norm / squaredWeightNorm.squareRoot() : 0 }

  /// Coefficients of a matrix of which nothing was added yet.
  ///
  /// Throws when the matrix does not write to a residual stream of the subspace's width.
  public init(_ subspace: BlockSubspace, shape: WeightShape) throws(SubspaceError) {
    guard shape.outputs == subspace.hidden else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "outputs of the weight matrix, the width of the subspace", expected: subspace.hidden,
          found: shape.outputs))
    }
    (self.subspace, self.shape) = (subspace, shape)
    basis = try subspace.directions.matrix("directions")
    taken = try subspace.taken.matrix("writes")
    matrix = Matrix(zeros: subspace.rank, shape.inputs)
  }

  /// Adds the stored rows `rows` of W, `[rows.count, columns]` row after row.
  ///
  /// Throws when `values` is not that many, or one is not finite (naming the row).
  public mutating func add(_ values: Span<Float>, rows: Range<Int>) throws(SubspaceError) {
    try shape.check(values.count, rows)
    for part in shape.parts(of: rows) {
      let offset = (part.lowerBound - rows.lowerBound) * shape.columns
      let block = Matrix(
        rows: part.count, columns: shape.columns,
        widening: values.extracting(offset..<offset + part.count * shape.columns))
      try add(block, rows: part)
    }
  }

  /// Adds one block of rows in double precision.
  mutating func add(_ block: Matrix, rows: Range<Int>) throws(SubspaceError) {
    let squares = block.squaredNorm
    guard squares.isFinite else {
      let index = block.elements.firstIndex { !$0.isFinite } ?? 0
      throw SubspaceError(
        reason: .notFinite(what: "weight", row: rows.lowerBound + index / max(1, block.columns)))
    }
    squaredWeightNorm += squares
    try computing { () throws(LinearAlgebraError) in
      switch shape.layout {
      case .outputsByInputs:
        try matrix.addProduct(basis.columns(rows), block)
      case .inputsByOutputs:
        matrix.replace(columns: rows, with: try Matrix.product(basis, block, transposing: .second))
      }
    }
  }
}

extension WeightShape {
  /// Throws unless `rows` are rows of the matrix and `count` is the number of their elements.
  func check(_ count: Int, _ rows: Range<Int>) throws(SubspaceError) {
    guard rows.lowerBound >= 0, rows.upperBound <= self.rows else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "rows of the weight matrix, at most", expected: self.rows, found: rows.upperBound))
    }
    guard count == rows.count * columns else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "elements of \(rows.count) rows of the weight matrix", expected: rows.count * columns,
          found: count))
    }
  }

  /// `rows` cut into blocks of at most 2¹⁶ elements, or one row: half a megabyte in double precision, about
  /// what stays in a core's cache between being widened, multiplied and narrowed.
  func parts(of rows: Range<Int>) -> some Sequence<Range<Int>> {
    let step = max(1, (1 << 16) / max(1, columns))
    return stride(from: rows.lowerBound, to: rows.upperBound, by: step).lazy
      .map { $0..<min($0 + step, rows.upperBound) }
  }
}
