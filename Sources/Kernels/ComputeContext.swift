internal import CBLAS
internal import COneDNN

/// The precision in which matrices are multiplied.
///
/// Sums, norms, softmax and the residual stream are f32 in both.
package enum ComputePrecision: String, Sendable, CaseIterable {
  /// f32 operands.
  case f32
  /// bf16 operands, f32 sums.
  case bf16

  /// Whether this processor multiplies bf16 in hardware; without it bf16 is emulated and slow.
  package static var bf16IsNative: Bool { profs_bf16_is_native() != 0 }

  /// Bytes of one operand element.
  package var elementBytes: Int { self == .f32 ? 4 : 2 }
}

/// How to compute: the one value that carries what would otherwise be global settings.
package struct ComputeContext: Sendable {
  /// Threads of every parallel loop and matrix product, at least 1.
  package let threads: Int
  /// Operand precision of matrix products.
  package let precision: ComputePrecision
  /// Seed of everything drawn at random.
  package let seed: UInt64
  /// The processes among which texts are split; all of them must then call what splits them.
  package let ranks: Communicator

  /// - Parameters:
  ///   - threads: threads for every parallel loop and matrix product; clamped to at least 1.
  ///   - precision: operand precision of matrix products.
  ///   - seed: seed of everything drawn at random.
  ///   - ranks: the processes among which texts are split.
  package init(
    threads: Int, precision: ComputePrecision, seed: UInt64 = 0, ranks: Communicator = .alone
  ) {
    self.init(unannouncedThreads: max(1, threads), precision: precision, seed: seed, ranks: ranks)
    #if os(Linux)
      // OpenBLAS and oneDNN both take their team size from OpenMP at each call. OpenBLAS's own setter must stay out of
      // this: it moves buffers from under products that other threads are computing, which then come out wrong.
      omp_set_num_threads(Int32(clamping: self.threads))
    #endif
  }

  private init(
    unannouncedThreads threads: Int, precision: ComputePrecision, seed: UInt64, ranks: Communicator
  ) {
    (self.threads, self.precision, self.seed, self.ranks) = (threads, precision, seed, ranks)
  }

  /// The same on one thread, for work inside a parallel loop of this context's.
  package var onOneThread: ComputeContext {
    ComputeContext(unannouncedThreads: 1, precision: precision, seed: seed, ranks: .alone)
  }

  /// The same for what this process does by itself.
  package var alone: ComputeContext {
    ComputeContext(unannouncedThreads: threads, precision: precision, seed: seed, ranks: .alone)
  }
}

extension ComputeContext {
  /// The core whose kernels OpenBLAS should be told to use, where it does not know this processor and took its oldest ones.
  package static var betterBLASCore: String? {
    #if os(Linux)
      unsafe profs_better_openblas_core().map { unsafe String(cString: $0) }
    #else
      nil
    #endif
  }
}
