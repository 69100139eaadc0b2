/// Owned memory, aligned to 64 bytes (a cache line, and the widest vector register).
///
/// It is freed when the value goes away and, unlike an array, never copied behind the caller's back.
@safe
package struct AlignedBuffer<Element: BitwiseCopyable>: ~Copyable {
  /// Number of elements.
  package let count: Int
  /// The first element.
  @usableFromInline let base: UnsafeMutablePointer<Element>

  /// Memory with every byte zero.
  @inlinable
  package init(count: Int) {
    unsafe self.init(uninitializedCount: count)
    unsafe UnsafeMutableRawPointer(base).initializeMemory(
      as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
  }

  /// Memory with whatever was in it: the caller writes every element before reading it.
  @unsafe @inlinable
  package init(uninitializedCount count: Int) {
    precondition(count >= 0, "a buffer cannot have a negative count")
    self.count = count
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(count * MemoryLayout<Element>.stride, 1), alignment: 64)
    unsafe self.base = bytes.bindMemory(to: Element.self, capacity: count)
  }

  /// A copy of `elements`.
  @inlinable
  package init(copying elements: some Collection<Element>) {
    unsafe self.init(uninitializedCount: elements.count)
    _ = unsafe UnsafeMutableBufferPointer(start: base, count: count).initialize(fromContentsOf: elements)
  }

  @inlinable
  deinit { unsafe base.deallocate() }

  /// The element at `index`, bounds checked: for loops, borrow the buffer instead.
  @inlinable
  package subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "index out of range")
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count, "index out of range")
      unsafe base[index] = newValue
    }
  }

  /// Lends the elements for reading.
  @inlinable
  package func withUnsafeBufferPointer<R: ~Copyable, E: Error>(
    _ body: (UnsafeBufferPointer<Element>) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeBufferPointer(start: base, count: count))
  }

  /// Lends the elements for writing.
  @inlinable
  package mutating func withUnsafeMutableBufferPointer<R: ~Copyable, E: Error>(
    _ body: (UnsafeMutableBufferPointer<Element>) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeMutableBufferPointer(start: base, count: count))
  }
}

// One owner at a time, and reading through a shared borrow only: the pointer inside is never aliased.
extension AlignedBuffer: @unchecked Sendable where Element: Sendable {}
