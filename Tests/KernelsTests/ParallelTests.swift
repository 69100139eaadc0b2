import Kernels
import Synchronization
import Testing

@Suite("Parallel loops")
struct ParallelTests {
  @Test("each item is done exactly once", arguments: [0, 1, 2, 3, 17, 1000, 100_003], [1, 2, 5])
  func everyItemOnce(count: Int, threads: Int) {
    let context = ComputeContext(threads: threads, precision: .f32)
    let visits = Visits(count)
    context.parallelForEach(count) { visits.add($0) }
    #expect(visits.allOnce)
  }

  @Test(
    "ranges cover every item once, none shorter than the grain", arguments: [0, 1, 63, 64, 65, 1000],
    [1, 7, 64, 5000])
  func rangesCover(count: Int, grain: Int) {
    for threads in [1, 3] {
      let visits = Visits(count)
      ComputeContext(threads: threads, precision: .f32).parallelRanges(count, grain: grain) { range in
        #expect(range.count >= min(grain, count))
        for item in range { visits.add(item) }
      }
      #expect(visits.allOnce)
    }
  }

  @Test("loops inside loops still do every item once")
  func nested() {
    let context = ComputeContext(threads: 2, precision: .f32)
    let visits = Visits(30 * 40)
    context.parallelForEach(30) { outer in
      context.parallelForEach(40) { visits.add(outer * 40 + $0) }
    }
    #expect(visits.allOnce)
  }

  @Test("matrix products inside a parallel loop are those outside it")
  func productsInside() {
    let (items, size) = (24, 61)
    let a = TestNumbers.floats(items * size * size, seed: 1)
    let b = TestNumbers.floats(size * size, seed: 2)
    func products(_ threads: Int) -> [Float] {
      var results = [Float](repeating: 0, count: items * size * size)
      let context = ComputeContext(threads: threads, precision: .f32)
      results.withUnsafeMutableBufferPointer { results in
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            guard let results = results.baseAddress, let a = a.baseAddress, let b = b.baseAddress else {
              return
            }
            context.parallelForEach(items) { item in
              multiply(
                ActivationMatrix(a + item * size * size, .f32, rows: size, columns: size),
                by: WeightMatrix(b, .f32, outputs: size, inputs: size, layout: .outputMajor),
                into: results + item * size * size, stride: size)
            }
          }
        }
      }
      return results
    }
    let expected = (0..<items * size * size).map { index in
      let (row, column) = (index / size, index % size)
      return (0..<size).reduce(0.0) { $0 + Double(a[row * size + $1]) * Double(b[column * size + $1]) }
    }
    let (one, two) = (products(1), products(2))
    #expect(largestError(one, expected) < 1e-6)
    #expect(one == two)
  }
}

/// How often each item was visited, counted from any thread.
private final class Visits: Sendable {
  private let counts: Mutex<[Int]>

  init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

  func add(_ item: Int) { counts.withLock { $0[item] += 1 } }

  var allOnce: Bool { counts.withLock { $0.allSatisfy { $0 == 1 } } }
}
