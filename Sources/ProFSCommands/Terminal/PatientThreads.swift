internal import Foundation

/// Makes the thread pool of the matrix libraries sleep instead of spin where it waits.
enum PatientThreads {
  /// Starts the process anew with `OMP_WAIT_POLICY=passive`, unless the user chose a policy.
  ///
  /// libgomp reads its settings when it is loaded, before any line of ours, hence the second start: two milliseconds.
  /// By default a thread that is out of work spins for the others; where other programs want the cores as well, the one
  /// it waits for may not be running, and a fit has been seen to take four times as long.
  static func restartIfNeeded() {
    #if os(Linux)
      guard getenv("OMP_WAIT_POLICY") == nil, getenv("GOMP_SPINCOUNT") == nil else { return }
      setenv("OMP_WAIT_POLICY", "passive", 1)
      execv("/proc/self/exe", CommandLine.unsafeArgv)
    // Where that fails, everything works all the same.
    #endif
  }
}
