/// What a block's MLP-value matrix wrote for a chunk of tokens, before its bias and any norm behind it, and the gradient of
/// it; valid while it is shown.
package struct MLPOutputGradient {
  /// The block, from 1.
  package let block: Int
  /// Each row's position in its text, from 0; the indices are the rows' places in the pass.
  package let positions: ArraySlice<Int32>
  /// Width of a row.
  package let width: Int
  /// `[rows, width]`: what was written.
  package let output: UnsafeBufferPointer<Float>
  /// `[rows, width]`: the gradient of it.
  package let gradient: UnsafeBufferPointer<Float>
}
