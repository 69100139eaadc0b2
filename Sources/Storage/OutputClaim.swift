/// The right to make a file or folder, held by one run at a time from before its work until it lets go or dies.
///
/// An empty file under a temporary name beside the destination (see `PartialOutput`), locked. What a run that was killed
/// has left is removed by the next.
package final class OutputClaim: Sendable {
  private let placeholder: PartialOutput

  /// Claims `destination`, whether something is there or not.
  ///
  /// Throws when another run holds it, or nothing can be written beside it. Of two runs that claim at the same instant
  /// both may be refused.
  package init(_ destination: String) throws(StorageError) {
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
