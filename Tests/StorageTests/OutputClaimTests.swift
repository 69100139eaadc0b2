import Foundation
import Storage
import Synchronization
import Testing

/// Of many that would write the same, one does.
@Suite struct OutputClaimTests {
  /// Threads that wait for each other, and what they got.
  private final class Race: Sendable {
    let ready = Atomic(0)
    let begun = Atomic(false)
    let granted = Mutex<[OutputClaim]>([])
    let refused = Mutex<[String]>([])
  }

  @Test("Of claims made at one instant exactly one is granted, round after round", arguments: [2, 3, 12])
  func race(_ runs: Int) throws {
    let folder = try TemporaryFolder()
    for round in 0..<25 {
      let race = Race()
      let out = folder.path("out-\(round)")
      // Each has a thread of its own, which a pool of as many as there are processors would not give it.
      let group = DispatchGroup()
      for _ in 0..<runs {
        group.enter()
        Thread.detachNewThread {
          race.ready.add(1, ordering: .sequentiallyConsistent)
          while !race.begun.load(ordering: .sequentiallyConsistent) { usleep(20) }
          do {
            let claim = try OutputClaim(out)
            race.granted.withLock { $0.append(claim) }
          } catch { race.refused.withLock { $0.append("\(error)") } }
          group.leave()
        }
      }
      while race.ready.load(ordering: .sequentiallyConsistent) < runs { usleep(20) }
      race.begun.store(true, ordering: .sequentiallyConsistent)
      group.wait()
      #expect(race.granted.withLock(\.count) == 1, "round \(round)")
      #expect(race.refused.withLock { $0.count == runs - 1 && $0.allSatisfy { $0.contains("another run") } })
    }
  }

  @Test("A folder that is locked for something else holds a claim up, and does not prevent it")
  func lockedFolder() throws {
    let folder = try TemporaryFolder()
    let lock = try FileLock(folder.path)
    let clock = ContinuousClock()
    let time = try clock.measure { _ = try OutputClaim(folder.path("out")) }
    #expect(time > .seconds(1) && time < .seconds(60))
    withExtendedLifetime(lock) {}
  }

  @Test("What was refused is granted once the holder has let go, and nothing is left behind")
  func released() throws {
    let folder = try TemporaryFolder()
    let out = folder.path("out")
    do {
      let claim = try OutputClaim(out)
      #expect { try OutputClaim(out + "/") } throws: { "\($0)".contains("another run") }
      withExtendedLifetime(claim) {}
    }
    do { _ = try OutputClaim(out) }
    #expect(try FileSystem.list(folder.path).isEmpty)
  }
}
