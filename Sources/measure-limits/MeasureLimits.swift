internal import ArgumentParser
internal import Foundation
internal import Kernels
internal import ProFSCommands
internal import Storage

/// `measure-limits`: what this machine can do at most, which `Documentation/Performance.md` holds our figures against; for
/// developers of this package.
@main
struct MeasureLimits: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure-limits",
    abstract: "Measures matrix products, memory and disk of this machine, and prints one JSON object.")

  @Option(help: "Threads of products and copies.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "Seconds for each measurement.")
  var seconds = 1.0

  @Option(help: "A large file whose reading is timed, from the page cache as it is.")
  var file: String?

  func run() throws {
    MatrixLibrarySettings.restartIfNeeded()
    var report: [String: Any] = ["threads": threads, "bf16_native": ComputePrecision.bf16IsNative]
    for precision in ComputePrecision.allCases where precision == .f32 || ComputePrecision.bf16IsNative {
      let context = ComputeContext(threads: threads, precision: precision)
      var rates: [String: Double] = [:]
      for shape in Self.shapes {
        let rate = context.measuredRate(
          rows: shape.rows, outputs: shape.outputs, inputs: shape.inputs, for: .seconds(seconds))
        rates["\(shape.rows)x\(shape.outputs)x\(shape.inputs)"] = rate / 1e9
      }
      report["gigaflops_\(precision.rawValue)"] = rates
      report["peak_gigaflops_\(precision.rawValue)"] = rates.values.max()
    }
    report["memory_gigabytes_per_second"] = copyRate()
    if let file { report["read_gigabytes_per_second"] = try readRate(file) }
    let data = try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys, .prettyPrinted])
    print(String(decoding: data, as: UTF8.self))
  }

  /// Tokens of a chunk by the widest matrices of SmolLM2-135M and of a 7B model, and a large square.
  private static let shapes = [
    (rows: 512, outputs: 1536, inputs: 576), (rows: 512, outputs: 576, inputs: 1536),
    (rows: 512, outputs: 14336, inputs: 4096), (rows: 2048, outputs: 2048, inputs: 2048),
  ]

  /// Bytes read and written a second, in 10⁹, by copying 256 MB on all threads.
  private func copyRate() -> Double {
    let context = ComputeContext(threads: threads, precision: .f32)
    let count = 1 << 28
    let source = AlignedBuffer<UInt8>(count: count)
    var destination = AlignedBuffer<UInt8>(count: count)
    return source.withUnsafeBufferPointer { source in
      destination.withUnsafeMutableBufferPointer { destination in
        nonisolated(unsafe) let (from, to) = (
          UnsafeRawBufferPointer(source), UnsafeMutableRawBufferPointer(destination)
        )
        return 2 * Double(count) / 1e9
          * repetitions(a: .seconds(seconds)) {
            context.parallelRanges(count, grain: 1 << 20) { range in
              UnsafeMutableRawBufferPointer(rebasing: to[range]).copyMemory(
                from: .init(rebasing: from[range]))
            }
          }
      }
    }
  }

  /// Bytes a second, in 10⁹, of one reading of `path` from its beginning to its end.
  private func readRate(_ path: String) throws -> Double {
    let handle = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? handle.close() }
    var bytes = 0
    let clock = ContinuousClock()
    let elapsed = try clock.measure {
      while let part = try handle.read(upToCount: 1 << 24), !part.isEmpty { bytes += part.count }
    }
    return Double(bytes) / (elapsed / .seconds(1)) / 1e9
  }
}
