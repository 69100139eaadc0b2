import Kernels
import Storage

/// Tensors whose elements are not stored in row-major order: views that torch saved as they were.
extension TensorStore {
  /// Lends a row-major copy of some rows of `entry`, which were checked to be inside it.
  func withGathered<R>(
    _ entry: TensorEntry, _ strides: [Int], rows: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    let size = entry.type.blockBytes
    // The store checked that the copy is no larger than what is stored.
    let count = rows.count * entry.rowElements
    var gathered = unsafe AlignedBuffer<UInt8>(uninitializedCount: count * size)
    return try unsafe files[entry.file].withBytes(entry.bytes) { stored in
      try unsafe gathered.withUnsafeMutableBufferPointer { copy in
        if let source = stored.baseAddress, let destination = copy.baseAddress, count > 0 {
          // The stride of a single index is never taken and can be any number; all others are inside the file.
          let strides = zip(entry.shape, strides).map { $0 == 1 ? 0 : $1 }
          let gather = Gather(shape: [rows.count] + entry.shape.dropFirst(), strides: strides)
          let from = unsafe source + rows.lowerBound * (strides.first ?? 0) * size
          let to = UnsafeMutableRawPointer(destination)
          switch size {
          case 1: unsafe gather.run(from, to, UInt8.self)
          case 2: unsafe gather.run(from, to, UInt16.self)
          case 4: unsafe gather.run(from, to, UInt32.self)
          default: unsafe gather.run(from, to, UInt64.self)
          }
        }
        return try unsafe body(UnsafeRawBufferPointer(copy))
      }
    }
  }
}

/// Copies strided elements into row-major order.
private struct Gather {
  /// The outer dimensions, the last two of the tensor apart.
  private var outer: [(count: Int, stride: Int)]
  private var rows = (count: 1, stride: 0)
  private var columns = (count: 1, stride: 0)

  /// Elements of a side of the squares that are copied at a time: a transposed matrix is then read by whole
  /// cache lines.
  private static let tile = 32

  init(shape: [Int], strides: [Int]) {
    outer = zip(shape, strides).map { (count: $0, stride: $1) }
    if let last = outer.popLast() { columns = last }
    if let last = outer.popLast() { rows = last }
  }

  // Inlined, so that the loops below are of one concrete type.
  @inline(__always)
  func run<T: BitwiseCopyable>(_ source: UnsafeRawPointer, _ destination: UnsafeMutableRawPointer, _: T.Type)
  {
    var index = [Int](repeating: 0, count: outer.count)
    var written = 0
    while true {
      let start = zip(index, outer).reduce(0) { $0 + $1.0 * $1.1.stride }
      unsafe copyMatrix(source, start, destination, written, T.self)
      written += rows.count * columns.count
      var dimension = outer.count - 1
      while dimension >= 0 {
        index[dimension] += 1
        if index[dimension] < outer[dimension].count { break }
        index[dimension] = 0
        dimension -= 1
      }
      if dimension < 0 { return }
    }
  }

  /// Copies the innermost two dimensions; `start` and `written` count elements.
  @inline(__always)
  private func copyMatrix<T: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _ start: Int, _ destination: UnsafeMutableRawPointer, _ written: Int,
    _: T.Type
  ) {
    let size = MemoryLayout<T>.size
    let step = columns.stride * size
    for top in stride(from: 0, to: rows.count, by: Self.tile) {
      for left in stride(from: 0, to: columns.count, by: Self.tile) {
        let width = min(Self.tile, columns.count - left)
        for row in top..<min(top + Self.tile, rows.count) {
          var from = unsafe source + (start + row * rows.stride + left * columns.stride) * size
          var to = unsafe destination + (written + row * columns.count + left) * size
          for _ in 0..<width {
            unsafe to.storeBytes(of: from.loadUnaligned(as: T.self), as: T.self)
            unsafe from += step
            unsafe to += size
          }
        }
      }
    }
  }
}
