internal import Foundation
internal import Synchronization

/// Which thread ends the process: once a signal's has begun to, the command's own errors are consequences and are not told.
enum Ending {
  private static let hasBegun = Atomic<Bool>(false)

  /// Called before half-written outputs are removed.
  static func begin() { hasBegun.store(true, ordering: .sequentiallyConsistent) }

  /// Does not return once the end has begun.
  static func waitIfBegun() {
    while hasBegun.load(ordering: .sequentiallyConsistent) { sleep(1) }
  }
}
