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
  /// The tensor's bytes, counted from the start of that file.
  package let bytes: Range<Int>

  /// Describes a tensor; `TensorStore` checks it.
  package init(name: String, shape: [Int], type: ElementType, file: Int, bytes: Range<Int>) {
    self.name = name
    self.shape = shape
    self.type = type
    self.file = file
    self.bytes = bytes
  }

  /// Number of elements: the product of the dimensions.
  package var elementCount: Int { shape.reduce(1, &*) }
  /// Number of rows: the outermost dimension, or 1 for a single number.
  package var rowCount: Int { shape.first ?? 1 }
  /// Elements of a row: the product of the inner dimensions.
  package var rowElements: Int { shape.dropFirst().reduce(1, &*) }

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
}
