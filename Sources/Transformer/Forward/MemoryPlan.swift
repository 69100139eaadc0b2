package import Kernels

/// What a pass over texts will hold in memory, worked out from the same layouts that it allocates by.
///
/// Pages of mapped files are left out: the system can drop them at any time and reads them again.
package struct MemoryPlan: Sendable {
  /// A share of the memory and what it is for.
  package struct Item: Sendable, Hashable {
    /// What it is for, as the user reads it.
    package let purpose: String
    /// Its size.
    package let bytes: Int

    /// A share of `bytes` bytes.
    package init(_ purpose: String, _ bytes: Int) {
      self.purpose = purpose
      self.bytes = bytes
    }
  }

  /// The shares, all held at the same time.
  package private(set) var items: [Item]

  /// Bytes of all shares together.
  package var total: Int { items.reduce(0) { $0 + $1.bytes } }

  /// A forward pass over `forest`.
  package init(_ model: Model, _ context: ComputeContext, _ forest: TokenForest) throws {
    let configuration = model.configuration
    let largest = forest.largestChunk
    let workers = ForwardPass.workers(for: forest, context)
    let scratch = BlockScratchLayout(configuration.largestBlock, context.precision, rows: largest)
    let weights = try BlockWeightLayout(model, context.precision, rows: forest.tokens.count)
    let all = [
      Item("one block's weights", weights.byteCount),
      Item("activations of \(workers * largest) tokens", workers * scratch.byteCount),
      Item(
        "residual stream of \(forest.tokens.count) tokens", forest.tokens.count * configuration.hidden * 4),
      Item(
        "keys and values that blocks share", SharedKeys.byteCount(configuration, rows: forest.tokens.count)),
      Item("matrix libraries", context.threads * Self.libraryBytes(context.precision)),
    ]
    items = all.filter { $0.bytes > 0 }
  }

  /// What is held beside no pass.
  package init(_ items: [Item]) { self.items = items }

  /// Adds what `item`, which is held before or after all else, takes more than that.
  package mutating func cover(_ item: Item) {
    if item.bytes > total { add(.init(item.purpose, item.bytes - total)) }
  }

  /// Adds something that is held at the same time.
  package mutating func add(_ item: Item) { items.append(item) }

  /// What OpenBLAS and oneDNN hold for themselves, a thread: packing buffers and compiled kernels, as measured.
  private static func libraryBytes(_ precision: ComputePrecision) -> Int {
    switch precision {
    case .f32: 2 << 20
    case .bf16: 1 << 20
    }
  }
}
