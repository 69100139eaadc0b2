internal import Kernels

/// The edit of one weight matrix: W′ = (I − α VᵀV) W, with which nothing is written into the subspace any
/// more; obliquely W′ = (I − α UᵀV) W with V Uᵀ = I, after which V W′ = 0 too.
///
/// W passes twice, in blocks of rows of any size: first all of it through `observe`, which gathers V W, then
/// through `edit`, which changes the values in place. Products are in double precision, so an element of W′
/// differs from the exact one by half a unit in the last place of single precision, its rounding.
/// In `[inputs, outputs]` layout the same operator stands on the other side: W (I − α VᵀV).
/// Source: arXiv 2405.13967, §4; applied to the weight that writes an MLP's output, its bias untouched.
///
/// ```swift
/// var projection = try WeightProjection(removing: subspace, from: shape)
/// try projection.observe(weights.span, rows: 0..<shape.rows)
/// var edited = weights.mutableSpan
/// try projection.edit(&edited, rows: 0..<shape.rows)
/// ```
public struct WeightProjection: Sendable {
  /// α: the share of the subspace that is removed; 1 for all of it, negative to amplify instead.
  public let strength: Double
  /// V W of the original, complete once every row was observed.
  public private(set) var before: WeightCoefficients
  /// V W′ of what was edited so far; of full strength its norm is what rounding left.
  public private(set) var after: WeightCoefficients
  /// ‖W′ − W‖²_F so far.
  private var squaredChange = 0.0
  private var observedRows = 0

  /// An edit that has seen nothing yet.
  ///
  /// Throws when the matrix does not write to a residual stream of the subspace's width, or the strength is
  /// not finite.
  public init(
    removing subspace: BlockSubspace, from shape: WeightShape, strength: Double = 1
  ) throws(SubspaceError) {
    guard strength.isFinite else { throw SubspaceError(reason: .notFinite(what: "strength", row: 0)) }
    self.strength = strength
    before = try WeightCoefficients(subspace, shape: shape)
    after = before
  }

  /// ‖W′ − W‖_F / ‖W‖_F; 0 for a matrix of zeros.
  public var relativeChange: Double {
    before.squaredWeightNorm > 0 ? (squaredChange / before.squaredWeightNorm).squareRoot() : 0
  }

  /// First pass: takes note of the stored rows `rows` of W, `[rows.count, columns]` row after row.
  ///
  /// Each row is to be given once. Throws when `values` is not that many, or one is not finite.
  public mutating func observe(_ values: Span<Float>, rows: Range<Int>) throws(SubspaceError) {
    try before.add(values, rows: rows)
    observedRows += rows.count
  }

  /// Second pass: replaces the same rows' values by those of W′.
  ///
  /// Throws when `values` has another size than `rows`, or not all rows were observed before.
  public mutating func edit(_ values: inout MutableSpan<Float>, rows: Range<Int>) throws(SubspaceError) {
    let shape = before.shape
    guard observedRows == shape.rows else {
      throw SubspaceError(
        reason: .sizesDisagree(
          what: "rows observed before the edit", expected: shape.rows, found: observedRows))
    }
    try shape.check(values.count, rows)
    for part in shape.parts(of: rows) {
      let start = (part.lowerBound - rows.lowerBound) * shape.columns
      let original = Matrix(
        rows: part.count, columns: shape.columns,
        widening: values.span.extracting(start..<start + part.count * shape.columns))
      var edited = original
      try computing { () throws(LinearAlgebraError) in
        switch shape.layout {
        case .outputsByInputs:
          try edited.addProduct(
            before.taken.columns(part), before.matrix, transposing: .first, scale: -strength)
        case .inputsByOutputs:
          try edited.addProduct(
            before.matrix.columns(part), before.taken, transposing: .first, scale: -strength)
        }
      }
      let exact = edited.elements.span
      for index in 0..<exact.count { values[start + index] = Float(exact[index]) }
      // From here on, what counts is what was written.
      let written = Matrix(
        rows: part.count, columns: shape.columns,
        widening: values.span.extracting(start..<start + exact.count))
      var change = written
      change.subtract(original)
      squaredChange += change.squaredNorm
      try after.add(written, rows: part)
    }
  }
}
