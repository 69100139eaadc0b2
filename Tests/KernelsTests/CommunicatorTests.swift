import Kernels
import Testing

/// How a job is split among processes, and the process that is alone; several are tested by `Scripts/test-mpi.sh`.
@Suite struct CommunicatorTests {
  static let weights: [[Int]] = [
    [], [5], [1, 1, 1, 1], [0, 0, 0], [100, 1, 1, 1, 1], [1, 1, 1, 1, 100], [3, 50, 2, 40, 1, 9, 9, 9, 20],
    (0..<1000).map { 1 + $0 * 7919 % 128 },
  ]

  @Test("every item is computed by exactly one process, and the runs together keep the order")
  func everyItemOnce() {
    for weights in Self.weights {
      for size in [1, 2, 3, 7, 64] {
        let shares = Communicator(rank: 0, size: size, localSize: 1).shares(of: weights)
        #expect(shares.count == size)
        #expect(shares.flatMap(Array.init) == Array(weights.indices), "\(weights) in \(size)")
      }
    }
  }

  @Test("no process has more than its part of the whole and the heaviest item")
  func balance() {
    for weights in Self.weights {
      for size in [1, 2, 3, 7, 64] {
        let counted = weights.map { max(1, $0) }
        let bound = Double(counted.reduce(0, +)) / Double(size) + Double(counted.max() ?? 0)
        for share in Communicator(rank: 0, size: size, localSize: 1).shares(of: weights) {
          #expect(Double(counted[share].reduce(0, +)) <= bound, "\(weights) in \(size)")
        }
      }
    }
  }

  @Test("each process takes the run that all others leave to it")
  func ownShare() {
    let weights = [3, 50, 2, 40, 1, 9]
    let shares = Communicator(rank: 0, size: 3, localSize: 3).shares(of: weights)
    for rank in 0..<3 {
      #expect(Communicator(rank: rank, size: 3, localSize: 3).share(of: weights) == shares[rank])
    }
  }

  @Test("a process that is alone gets back what it gives, and is the first")
  func alone() {
    let ranks = Communicator.world
    #expect(ranks.size == 1 && ranks.rank == 0 && ranks.isFirst && ranks.localSize == 1)
    var values = [0.1, -2, .infinity]
    ranks.sum(&values)
    #expect(values == [0.1, -2, .infinity])
    #expect(ranks.parts([1, 2]) == [[1, 2]])
    #expect(ranks.gathered([Float(3), 4]) == [3, 4])
    #expect(ranks.broadcast([true]) == [true])
    ranks.wait()
    ranks.abort(1)
    ranks.finish()
  }

  @Test("what a process does by itself keeps threads, precision and seed")
  func contextAlone() {
    let ranks = Communicator(rank: 1, size: 2, localSize: 1)
    let context = ComputeContext(threads: 3, precision: .bf16, seed: 7, ranks: ranks)
    #expect(context.ranks.size == 2 && context.alone.ranks.size == 1 && context.onOneThread.ranks.size == 1)
    #expect(context.alone.threads == 3 && context.alone.precision == .bf16 && context.alone.seed == 7)
  }
}
