internal import Foundation
internal import Storage

/// SHA-256 digests that are computed on threads of their own, while the caller reads and writes.
///
/// Of a rewritten checkpoint nearly all bytes are copied, and hashing them, once as parts of the base's files and once as
/// tensors, takes longer than copying: so it is done beside it.
final class DigestPool: @unchecked Sendable {
  // Every stored property but `condition` is read and written under its lock alone.
  private let condition = NSCondition()
  private var jobs: [(file: MappedFile, range: Range<Int>)] = []
  private var next = 0
  private var digests: [String] = []
  private var finished = 0
  private var failure: (any Error)?
  private var isClosed = false

  /// Starts the threads; they end with the pool.
  init(threads: Int) {
    for _ in 0..<max(1, threads) {
      let thread = Thread { [self] in work() }
      thread.stackSize = 1 << 19
      thread.start()
    }
  }

  /// Adds bytes to be hashed, and answers the number of their digest.
  func add(_ file: MappedFile, _ range: Range<Int>) -> Int {
    condition.withLock {
      jobs.append((file, range))
      digests.append("")
      condition.signal()
      return jobs.count - 1
    }
  }

  /// Waits for the digests of everything that was added, in that order.
  ///
  /// - Throws: the first error of reading.
  func wait() throws -> [String] {
    try condition.withLock {
      while finished < jobs.count, failure == nil { condition.wait() }
      if let failure { throw failure }
      return digests
    }
  }

  /// Lets the threads go; what is not hashed by now will not be.
  func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }

  private func work() {
    while let (index, job) = take() {
      let result = Result {
        var digest = Digest()
        try digest.update(job.file, job.range, unless: { condition.withLock { isClosed } })
        return digest.hex
      }
      condition.withLock {
        switch result {
        case .success(let digest): digests[index] = digest
        case .failure(let error): failure = failure ?? error
        }
        finished += 1
        condition.broadcast()
      }
    }
  }

  /// The next job; `nil` once there will be none.
  private func take() -> (Int, (file: MappedFile, range: Range<Int>))? {
    condition.withLock {
      while next == jobs.count, !isClosed { condition.wait() }
      guard !isClosed else { return nil }
      next += 1
      return (next - 1, jobs[next - 1])
    }
  }
}
