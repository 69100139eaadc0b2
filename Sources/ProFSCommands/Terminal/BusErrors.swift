internal import CBusErrors
internal import Foundation
internal import Storage

/// A mapped file that is shortened while it is read, or that its disk does not deliver: one sentence instead of a crash.
enum BusErrors {
  /// Has a thread of its own wait for the address of a fault, remove half-written outputs, say which file it was, and end
  /// the process with exit code 1.
  static func install() {
    let faults = profs_watch_bus_errors()
    guard faults >= 0 else { return }
    let thread = Thread {
      var address: UInt64 = 0
      guard read(faults, &address, 8) == 8 else { return }
      guard let fault = MappedRanges.fault(at: UInt(address)) else {
        // Of no file: then it is a fault of this program, and ends it as such.
        signal(SIGBUS, SIG_DFL)
        kill(getpid(), SIGBUS)
        return
      }
      Ending.begin()
      OpenOutputs.discardAll()
      Console.clearProgress()
      Console.error(fault.description)
      _exit(1)
    }
    thread.start()
  }
}
