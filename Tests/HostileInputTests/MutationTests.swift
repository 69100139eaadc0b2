import Foundation
import Testing

/// Every reader of files against files that were altered at random, for `PROFS_FUZZ_SECONDS` each (1 without it).
///
/// `PROFS_FUZZ_READER` names one reader. `PROFS_FUZZ_SEED` sets where the random numbers begin. The altered file is written before it is read, so what ends the
/// process is left in the temporary folder, in a folder named `mutation-READER`. A limit on the address space
/// (`ulimit -v`) makes allocations that a file does not justify end it too.
@Suite struct MutationTests {
  private static let environment = ProcessInfo.processInfo.environment

  /// What this thread has had of the processor: a busy machine makes a file wait, not slow.
  private static var processorTime: Duration {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  @Test("Altered files are read or refused, for as long as asked", arguments: Reader.chosen)
  func altered(reader: Reader) throws {
    let seconds = Self.environment["PROFS_FUZZ_SECONDS"].flatMap(Double.init) ?? 1
    var mutator = Mutator(seed: Self.environment["PROFS_FUZZ_SEED"].flatMap(UInt64.init) ?? 20_240_529)
    let scratch = try Scratch("mutation-\(reader.name)")
    let samples = try reader.samples(scratch)
    for sample in samples {
      let isSound = try reader.isSound(sample, sample.bytes, scratch)
      #expect(isSound || sample.isRefused, "\(sample.name)")
    }
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var (rounds, sound, slowest) = (0, 0, Duration.zero)
    // On a busy machine, or under a sanitizer, a second may be over before anything was done.
    while clock.now < end || rounds < 100 || rounds < 5000 && (sound == 0 || sound == rounds) {
      let (sample, bytes) = mutator.mutated(samples)
      let start = Self.processorTime
      if try reader.isSound(sample, bytes, scratch) { sound += 1 }
      slowest = max(slowest, Self.processorTime - start)
      rounds += 1
    }
    // Both happen, or the alterations say nothing.
    #expect(sound > 0 && sound < rounds)
    // Files of some kilobytes.
    #expect(slowest < .seconds(10))
    print("\(reader.name): \(rounds) files, \(sound) sound, slowest \(slowest)")
  }
}
