import Synchronization

/// The temporary files and folders that this process is building.
///
/// Global state, as ``MappedRanges`` is: a process that is told to stop must find what to remove, wherever it was
/// begun.
package enum OpenOutputs {
  private struct State {
    var paths: Set<String> = []
    var isEnding = false
  }
  private static let state = Mutex(State())

  /// Removes every unfinished output, and lets none begin any more.
  ///
  /// Just before the process exits: at its end, or for a handler of SIGINT or SIGTERM, on a thread of its own (not inside
  /// the signal).
  package static func discardAll() {
    let paths = state.withLock { state in
      defer { state = State(isEnding: true) }
      return state.paths
    }
    for path in paths.sorted() {
      // A writer may still be adding files while the folder is emptied.
      for _ in 0..<3 {
        if (try? FileSystem.remove(path)) != nil { break }
      }
    }
  }

  /// Makes the unfinished output at `path` by `body`, which is quick, so that there is no moment in which it is there and not
  /// known; `nil` once the process is ending.
  static func begin(_ path: String, _ body: () -> Int32) -> Int32? {
    state.withLock { state in
      guard !state.isEnding else { return nil }
      let result = body()
      if result >= 0 { state.paths.insert(path) }
      return result
    }
  }

  /// Gives the output at `path` its name by `body`, and forgets it; a process that is to end waits for that.
  ///
  /// Throws what `body` throws, the output being known as before; answers false, `body` not having run, where it was not known.
  static func finish(_ path: String, _ body: () throws(StorageError) -> Void) throws(StorageError) -> Bool {
    try state.withLock { state throws(StorageError) in
      guard state.paths.contains(path) else { return false }
      try body()
      state.paths.remove(path)
      return true
    }
  }

  /// Remembers the unfinished output at `path`.
  static func add(_ path: String) { state.withLock { _ = $0.paths.insert(path) } }

  /// Whether `path` is an unfinished output.
  static func contains(_ path: String) -> Bool { state.withLock { $0.paths.contains(path) } }

  /// Forgets `path`.
  static func remove(_ path: String) { state.withLock { _ = $0.paths.remove(path) } }
}
