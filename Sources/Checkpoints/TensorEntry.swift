package import Kernels

/// Where one tensor lies and how to read it.
package struct TensorEntry: Sendable, Hashable {
  /// The tensor's name in the checkpoint.
  package let name: String
  /// Dimensions, outermost first (GGUF stores them the other way round); empty for a single number.
  package let shape: [Int]
  /// How the elements are stored.
  package let type: ElementType
  /// Index of the file in the store.
  package let file: Int
  /// The tensor's bytes, counted from the start of that file; with strides, from its first element to its last.
  package let bytes: Range<Int>
  /// Elements from one index of each dimension to the next, where the elements are not in row-major order;
  /// only torch's files have such tensors.
  package let strides: [Int]?

  /// Describes a tensor; `TensorStore` checks it.
  package init(
    name: String, shape: [Int], type: ElementType, file: Int, bytes: Range<Int>, strides: [Int]? = nil
  ) {
    self.name = name
    self.shape = shape
    self.type = type
    self.file = file
    self.bytes = bytes
    self.strides = strides
  }

  /// Number of elements: the product of the dimensions.
  package var elementCount: Int { shape.reduce(1, &*) }
  /// Number of rows: the outermost dimension, or 1 for a single number.
  package var rowCount: Int { shape.first ?? 1 }
  /// Elements of a row: the product of the inner dimensions.
  package var rowElements: Int { shape.dropFirst().reduce(1, &*) }

  /// Some rows of it as a tensor of their own, under the same name; `nil` where they are not whole blocks inside it.
  package func rows(_ rows: Range<Int>) -> TensorEntry? {
    let step = strides?.first ?? rowElements
    let kept = strides.flatMap { Self.extent(of: [rows.count] + shape.dropFirst(), strides: $0) }
    guard rows.lowerBound >= 0, rows.upperBound <= rowCount,
      let start = type.byteCount(elements: rows.lowerBound * step),
      let count = type.byteCount(elements: kept ?? rows.count * rowElements)
    else { return nil }
    let first = bytes.lowerBound + start
    return TensorEntry(
      name: name, shape: [rows.count] + shape.dropFirst(), type: type, file: file,
      bytes: first..<first + count, strides: strides)
  }

  /// The product of `shape`; `nil` when a dimension is negative or the product overflows.
  static func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for dimension in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }

  /// Elements between the first and the last of a tensor, both included; `nil` when it overflows or a number is
  /// negative.
  static func extent(of shape: [Int], strides: [Int]) -> Int? {
    if shape.contains(0) { return 0 }
    var last = 0
    for (dimension, stride) in zip(shape, strides) {
      let (distance, overflow) = stride.multipliedReportingOverflow(by: dimension &- 1)
      let (sum, beyond) = last.addingReportingOverflow(distance)
      guard dimension > 0, stride >= 0, !overflow, !beyond, sum < .max else { return nil }
      last = sum
    }
    return last + 1
  }

  /// Whether strides are those of row-major order; a dimension of one element may have any.
  static func isRowMajor(_ shape: [Int], strides: [Int]) -> Bool {
    if shape.contains(0) { return true }
    var expected = 1
    for (dimension, stride) in zip(shape, strides).reversed() where dimension != 1 {
      guard stride == expected else { return false }
      expected &*= dimension
    }
    return true
  }
}
