internal import Checkpoints
internal import Kernels

/// A tensor of the output, whose bytes are made while it is written.
protocol OutputTensor: Sendable {
  /// Its name in the output.
  var name: String { get }
  /// How it is stored in the output.
  var type: ElementType { get }
  /// Its dimensions, outermost first.
  var shape: [Int] { get }
  /// The part that rounding leaves of the edited weight in the subspace, see ``BlockSubspace/roundingResidual(of:)``;
  /// `nil` where nothing is edited.
  var roundingResidual: Double? { get }

  /// Gives the tensor's bytes to `sink`, piece by piece, and answers what the edit did, where there is one.
  ///
  /// - Throws: where a weight to be edited holds NaN or infinity, or `sink` throws.
  func emit(from store: TensorStore, _ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Receipt.Edit?
}

extension OutputTensor {
  /// Bytes of the tensor in the output.
  var byteCount: Int { type.byteCount(elements: shape.reduce(1, *)) ?? 0 }
}
