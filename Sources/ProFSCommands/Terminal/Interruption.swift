internal import Foundation
internal import Kernels
internal import Storage

/// Ctrl-C and termination: half-written outputs are removed, then the process ends as the signal would have ended it.
enum Interruption {
  /// Blocks the signals in this and every later thread and waits for them in one of its own, where, unlike in a signal
  /// handler, files may be removed.
  ///
  /// Of several processes none says so: mpirun also stops those that are well where one has failed, and its sentence is to
  /// stand alone.
  static func install() {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let waiting = signals
    // Joins the others now, so that MPI's own threads have the signals blocked too.
    let isAlone = Communicator.world.size == 1
    let thread = Thread {
      var signals = waiting
      var received: Int32 = 0
      guard sigwait(&signals, &received) == 0 else { return }
      Ending.begin()
      OpenOutputs.discardAll()
      if isAlone {
        Console.clearProgress()
        Console.error("interrupted; nothing was left half-written")
      }
      signal(received, SIG_DFL)
      pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      kill(getpid(), received)
      _exit(128 + received)
    }
    thread.start()
  }
}
