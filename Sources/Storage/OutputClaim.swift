/// The right to make a file or folder, held by one run at a time from before its work until it lets go or dies.
///
/// An empty file under a temporary name beside the destination (see `PartialOutput`), locked. What a run that was killed
/// has left is removed by the next.
package final class OutputClaim: Sendable {
  private let placeholder: PartialOutput

  /// Claims `destination`, whether something is there or not.
  ///
  /// Throws when another run holds it, or nothing can be written beside it. Of runs that claim at the same instant one is
  /// first: they take turns by the lock of the folder. On a file system without locks all may be refused.
  package init(_ destination: String) throws(StorageError) {
    let folder = FileSystem.parent(of: FileSystem.withoutFinalSlashes(destination))
    // A turn takes about a millisecond; who has the lock of the folder for longer has it for something else.
    let turn = FileLock(folder, waitingAtMost: 2000)
    defer { withExtendedLifetime(turn) {} }
    placeholder = try PartialOutput(claiming: destination)
    guard !PartialOutput.isBeingWritten(destination, besides: placeholder.path) else {
      placeholder.discard()
      throw StorageError(
        path: destination,
        reason: "another run is writing this now; wait until it has ended or choose another name")
    }
  }

  deinit { placeholder.discard() }
}
