internal import Checkpoints
internal import Kernels

/// A tensor of numbers that the base has in another form.
struct NumbersTensor: OutputTensor {
  /// Its name in the output.
  let name: String
  /// Its elements.
  let values: [Float]

  /// Single precision.
  var type: ElementType { .f32 }
  /// One dimension.
  var shape: [Int] { [values.count] }
  /// Nothing is edited.
  var roundingResidual: Double? { nil }

  /// Gives the numbers to `sink`.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Receipt.Edit?
  {
    try values.withUnsafeBytes(sink)
    return nil
  }
}
