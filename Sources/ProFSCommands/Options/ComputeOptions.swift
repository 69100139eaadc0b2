internal import ArgumentParser
internal import Foundation
internal import Kernels

extension ComputePrecision: ExpressibleByArgument {}

/// How to compute; shared by every command that runs a model.
struct ComputeOptions: ParsableArguments {
  @Option(help: "Precision of matrix products. bf16 is twice as fast where the processor has it in hardware.")
  var compute: ComputePrecision?

  @Option(help: ArgumentHelp("Threads; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @Option(help: ArgumentHelp("Seed of everything drawn at random.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1.") }
  }

  /// For gradients, whose products are f32 unless the user chose bf16: on `threads` or every processor.
  static func context(_ precision: ComputePrecision, threads: Int?, seed: UInt64) -> ComputeContext {
    ComputeContext(
      threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, precision: precision, seed: seed)
  }

  /// - Parameters:
  ///   - precision: where the user chose none.
  ///   - ranks: the processes among which texts are split.
  func context(defaultPrecision precision: ComputePrecision, ranks: Communicator = .alone) -> ComputeContext {
    ComputeContext(
      threads: threads ?? Self.threads(of: ranks), precision: compute ?? precision, seed: seed, ranks: ranks)
  }

  /// The processors that this process may use: its part of them where other processes of the job may use the same.
  private static func threads(of ranks: Communicator) -> Int {
    let machine = ProcessInfo.processInfo
    let isBound = machine.activeProcessorCount < machine.processorCount
    return isBound ? machine.activeProcessorCount : max(1, machine.activeProcessorCount / ranks.localSize)
  }
}

/// What every command prints.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON document to standard output instead of text.")
  var json = false

  @Flag(name: [.short, .long], help: "No progress and no messages.")
  var quiet = false
}
