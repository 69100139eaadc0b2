#if MPI
  internal import COpenMPI
#endif

/// The processes that do one job together, and which of them this is.
///
/// All of them run the same program on the same arguments and take part in every exchange, in the same order; what differs is
/// which texts they compute. The one process that there is without mpirun, or without the package trait `MPI`, is a
/// communicator too: its exchanges answer what they were given.
package struct Communicator: Sendable {
  /// Which process this is, from 0.
  package let rank: Int
  /// How many there are.
  package let size: Int
  /// How many of them run on this machine.
  package let localSize: Int

  /// The process `rank` of `size`, of which `localSize` run on its machine.
  package init(rank: Int, size: Int, localSize: Int) {
    precondition(rank >= 0 && rank < size && localSize >= 1, "a rank of the processes that there are")
    (self.rank, self.size, self.localSize) = (rank, size, localSize)
  }

  /// This process by itself.
  package static let alone = Communicator(rank: 0, size: 1, localSize: 1)

  /// All processes that mpirun started with this one; the first use joins them.
  package static let world: Communicator = {
    #if MPI
      guard profs_mpi_start() != 0 else { return .alone }
      return Communicator(
        rank: Int(profs_mpi_rank()), size: Int(profs_mpi_size()), localSize: Int(profs_mpi_local_size()))
    #else
      return .alone
    #endif
  }()

  /// Whether this is the process that writes files and speaks to the user.
  package var isFirst: Bool { rank == 0 }

  /// Adds up `values` of all processes, element by element; all have the sums then.
  ///
  /// All must have as many. The order of the additions is MPI's, so sums differ from those of one process by rounding.
  package func sum(_ values: inout [Double]) {
    guard size > 1 else { return }
    #if MPI
      profs_mpi_wait()
      unsafe values.withUnsafeMutableBufferPointer {
        unsafe profs_mpi_sum($0.baseAddress, Int64($0.count))
      }
    #endif
  }

  /// What every process has, in the order of the processes; lengths may differ.
  package func parts<Element: BitwiseCopyable>(_ own: [Element]) -> [[Element]] {
    guard size > 1 else { return [own] }
    var counts = [Double](repeating: 0, count: size)
    counts[rank] = Double(own.count)
    sum(&counts)
    return counts.indices.map { copy(of: own, from: $0, count: Int(counts[$0])) }
  }

  /// What the processes have, one behind the other: rows of a matrix, say, of which each has a run.
  package func gathered<Element: BitwiseCopyable>(_ own: [Element]) -> [Element] {
    size > 1 ? parts(own).flatMap(\.self) : own
  }

  /// What the first process has; what the others give is not looked at.
  package func broadcast<Element: BitwiseCopyable>(_ values: [Element]) -> [Element] {
    size > 1 ? parts(isFirst ? values : [])[0] : values
  }

  /// Returns once all processes have come to this.
  package func wait() {
    guard size > 1 else { return }
    #if MPI
      profs_mpi_wait()
    #endif
  }

  /// Ends all processes at once, with an exit code; does nothing for a process that is alone.
  package func abort(_ code: Int32) {
    guard size > 1 else { return }
    #if MPI
      profs_mpi_abort(code)
    #endif
  }

  /// Leaves the others, once all have come to this; nothing may be exchanged afterwards.
  package func finish() {
    guard size > 1 else { return }
    #if MPI
      profs_mpi_finish()
    #endif
  }

  private func copy<Element: BitwiseCopyable>(of own: [Element], from root: Int, count: Int) -> [Element] {
    #if MPI
      return unsafe [Element](unsafeUninitializedCapacity: count) { buffer, filled in
        if root == rank { unsafe _ = buffer.update(fromContentsOf: own) }
        unsafe profs_mpi_copy(
          buffer.baseAddress, Int64(count * MemoryLayout<Element>.stride), Int32(root))
        filled = count
      }
    #else
      return own
    #endif
  }
}
