internal import Foundation
internal import Kernels

/// What the matrix libraries read from the environment when they are loaded, before any line of ours.
package enum MatrixLibrarySettings {
  /// Starts the process anew with better settings, where the user chose none: two milliseconds.
  ///
  /// - `OMP_WAIT_POLICY=passive`: by default a thread that is out of work spins for the others; where other programs want
  ///   the cores as well, the one it waits for may not be running, and a fit has been seen to take four times as long.
  /// - `OPENBLAS_CORETYPE`, where OpenBLAS does not know the processor's model and took its oldest kernels: with them a fit
  ///   with the recipe `natural` took 1.4 to 2 times as long.
  package static func restartIfNeeded() {
    #if os(Linux)
      var missing: [(name: String, value: String)] = []
      if getenv("OMP_WAIT_POLICY") == nil, getenv("GOMP_SPINCOUNT") == nil {
        missing.append(("OMP_WAIT_POLICY", "passive"))
      }
      if getenv("OPENBLAS_CORETYPE") == nil, let core = ComputeContext.betterBLASCore {
        missing.append(("OPENBLAS_CORETYPE", core))
      }
      guard !missing.isEmpty else { return }
      for (name, value) in missing { setenv(name, value, 1) }
      // By the program's own path, whose name is what `top` shows and `pkill` looks for.
      var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      if readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0 { execv(path, CommandLine.unsafeArgv) }
      execv("/proc/self/exe", CommandLine.unsafeArgv)
    // Where that fails, everything works all the same.
    #endif
  }
}
