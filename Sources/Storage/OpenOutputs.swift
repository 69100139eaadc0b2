import Synchronization

/// The temporary files and folders that this process is building.
///
/// Global state, as ``MappedRanges`` is: a process that is told to stop must find what to remove, wherever it was
/// begun.
package enum OpenOutputs {
  private static let paths = Mutex<Set<String>>([])

  /// Removes every unfinished output.
  ///
  /// Just before the process exits: at its end, or for a handler of SIGINT or SIGTERM, on a thread of its own (not inside
  /// the signal).
  package static func discardAll() {
    let paths = paths.withLock { paths in
      defer { paths = [] }
      return paths
    }
    for path in paths.sorted() {
      // A writer may still be adding files while the folder is emptied.
      for _ in 0..<3 {
        if (try? FileSystem.remove(path)) != nil { break }
      }
    }
  }

  /// Remembers the unfinished output at `path`.
  static func add(_ path: String) { _ = paths.withLock { $0.insert(path) } }

  /// Forgets `path`; false when it was not known.
  @discardableResult
  static func remove(_ path: String) -> Bool { paths.withLock { $0.remove(path) != nil } }
}
