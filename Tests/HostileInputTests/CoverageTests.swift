import CFuzzer
import Foundation
import Testing

/// One reader of files by libFuzzer, which keeps the files that reach new code and alters those, in a process that it ends.
///
/// Only where `Scripts/fuzz.sh` has built the tests with it. An input is the number of a sample, in a byte, and then the
/// file; files that reached new code stay in `PROFS_FUZZ_CORPUS`, where the next run begins with them.
@Suite struct CoverageTests {
  private struct Work {
    var reader: Reader
    var samples: [Sample]
    var scratch: Scratch
  }
  // Functions of C have no context. Set once, before libFuzzer begins, which has one thread.
  nonisolated(unsafe) private static var work: Work?

  @Test(
    "Files that reach new code are altered further, for as long as asked",
    .enabled(if: fuzzer_is_linked(), "libFuzzer is not linked: Scripts/fuzz.sh"))
  func guided() throws {
    let environment = ProcessInfo.processInfo.environment
    let reader = try #require(Reader.chosen.first)
    let corpus = try #require(environment["PROFS_FUZZ_CORPUS"])
    let scratch = try Scratch("fuzzing-\(reader.name)")
    let samples = try reader.samples(scratch)
    Self.work = Work(reader: reader, samples: samples, scratch: scratch)
    for (index, sample) in samples.enumerated() {
      try Data([UInt8(index)] + sample.bytes).write(to: URL(filePath: "\(corpus)/sample-\(index)"))
    }
    let longest = samples.reduce(0) { max($0, $1.bytes.count) }
    let arguments = [
      "fuzzer", corpus, "-artifact_prefix=\(corpus)/../found-", "-max_len=\(2 * longest + 4096)",
      "-len_control=0",
      "-timeout=60", "-rss_limit_mb=4000", "-malloc_limit_mb=1000", "-print_final_stats=1", "-reload=0",
      "-max_total_time=\(environment["PROFS_FUZZ_SECONDS"] ?? "60")",
      "-seed=\(environment["PROFS_FUZZ_SEED"] ?? "1")",
    ]
    var pointers = arguments.map { strdup($0) } + [nil]
    fuzzer_run(Int32(arguments.count), &pointers, Self.alter) { data, size in
      guard let work = CoverageTests.work, let data, size > 1 else { return -1 }
      let bytes = UnsafeBufferPointer(start: data, count: size)
      let sample = work.samples[Int(bytes[0]) % work.samples.count]
      do {
        _ = try work.reader.isSound(sample, Array(bytes.dropFirst()), work.scratch)
      } catch {
        fatalError("not an error of a file: \(error)")
      }
      return 0
    }
  }

  /// Alters a file as `Mutator` does every other time, and else as libFuzzer does.
  private static let alter: fuzzer_alter_t = { data, size, limit, seed in
    guard let work, size > 1 else { return size }
    guard seed % 2 == 0 else { return 1 + fuzzer_mutate(data + 1, size - 1, limit - 1) }
    let buffer = UnsafeMutableBufferPointer(start: data, count: limit)
    var mutator = Mutator(seed: UInt64(seed))
    let bytes = mutator.altered(
      Array(buffer[1..<size]), of: work.samples[Int(buffer[0]) % work.samples.count], among: work.samples)
    let count = min(bytes.count, limit - 1)
    for index in 0..<count { buffer[1 + index] = bytes[index] }
    return 1 + count
  }
}
