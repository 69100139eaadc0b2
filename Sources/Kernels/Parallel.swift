internal import Synchronization

#if os(Linux)
  internal import CBLAS
#else
  internal import Dispatch
#endif

extension ComputeContext {
  /// Calls `body` once for each of `0..<count`, on this context's threads, in an order that is not specified.
  ///
  /// Items are handed out one at a time, so they may differ in cost. On Linux the threads are libgomp's, the same
  /// pool that OpenBLAS and oneDNN run on: a pool of our own would fight their spinning workers for the cores.
  /// Products taken inside `body` run on the calling thread alone.
  package func parallelForEach(_ count: Int, _ body: (Int) -> Void) {
    guard count > 1, threads > 1 else {
      for item in 0..<count { body(item) }
      return
    }
    let next = Atomic<Int>(0)
    onEachThread(min(threads, count)) {
      while true {
        let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard item < count else { return }
        body(item)
      }
    }
  }

  /// The same for work that needs memory of its own or may fail: `body` is also told which of the at most ``threads``
  /// workers, from 0, it runs as.
  ///
  /// - Throws: the first error of `body`; items that were not begun by then are left out.
  package func parallelForEach(
    _ count: Int, onWorkers body: (_ item: Int, _ worker: Int) throws -> Void
  ) throws {
    let failure = Mutex<(any Error)?>(nil)
    let nextWorker = Atomic<Int>(0)
    let next = Atomic<Int>(0)
    onEachThread(max(1, min(threads, count))) {
      let worker = nextWorker.wrappingAdd(1, ordering: .relaxed).oldValue
      while true {
        let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard item < count, failure.withLock({ $0 == nil }) else { return }
        do { try body(item, worker) } catch { failure.withLock { $0 = $0 ?? error } }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// What `body` makes of each of `0..<count`, in order, computed as ``parallelForEach(_:onWorkers:)`` does.
  package func parallelMap<Result: Sendable>(
    _ count: Int, _ body: (Int) throws -> Result
  ) throws -> [Result] {
    let results = Mutex([Result?](repeating: nil, count: count))
    try parallelForEach(count) { item, _ in
      let result = try body(item)
      results.withLock { $0[item] = result }
    }
    return results.withLock { $0.compactMap(\.self) }
  }

  /// Splits `0..<count` into contiguous ranges, a few for each thread and none shorter than `grain`, and calls
  /// `body` for each of them in parallel.
  package func parallelRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let pieces = max(1, min(threads * 4, count / max(1, grain)))
    parallelForEach(pieces) { piece in
      body(count * piece / pieces..<count * (piece + 1) / pieces)
    }
  }

  private func onEachThread(_ threads: Int, _ body: () -> Void) {
    guard threads > 1 else { return body() }
    withoutActuallyEscaping(body) { body in
      #if os(Linux)
        var box = Box(body: body)
        unsafe withUnsafeMutablePointer(to: &box) { pointer in
          unsafe GOMP_parallel(
            {
              // This worker's own setting: the libraries plan for the one thread they get.
              omp_set_num_threads(1)
              unsafe $0?.assumingMemoryBound(to: Box.self).pointee.body()
            },
            pointer, UInt32(clamping: threads), 0)
        }
      #else
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: threads) { _ in unsafe body() }
      #endif
    }
  }

  private struct Box {
    let body: () -> Void
  }
}
