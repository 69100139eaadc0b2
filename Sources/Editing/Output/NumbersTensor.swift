internal import Checkpoints
internal import Kernels

/// A tensor of numbers that the base has in another form, or not at all.
struct NumbersTensor: OutputTensor {
  /// Its name in the output.
  let name: String
  /// Its elements.
  let values: [Float]

  /// Its dimensions, outermost first.
  let shape: [Int]

  /// A tensor of `values`, in one dimension where no others are given.
  init(name: String, values: [Float], shape: [Int]? = nil) {
    (self.name, self.values, self.shape) = (name, values, shape ?? [values.count])
  }

  /// Single precision.
  var type: ElementType { .f32 }
  /// Nothing is edited.
  var roundingResidual: Double? { nil }

  /// Gives the numbers to `sink`.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Receipt.Edit?
  {
    try values.withUnsafeBytes(sink)
    return nil
  }
}
