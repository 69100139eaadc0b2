/// A decomposition that could not be computed.
package struct LinearAlgebraError: Error, Equatable, CustomStringConvertible {
  /// Why it failed.
  package enum Reason: Sendable, Equatable {
    /// A dimension is larger than the 32-bit integers LAPACK takes.
    case tooLarge(dimension: Int)
    /// LAPACK reported `info`: the iteration did not converge, or an argument (NaN among the input) was
    /// refused.
    case failed(routine: String, info: Int)
  }

  /// Why it failed.
  package let reason: Reason

  package var description: String {
    switch reason {
    case .tooLarge(let dimension):
      "a matrix dimension of \(dimension) is more than the linear algebra library can address "
        + "(\(Int32.max)); use fewer rows"
    case .failed(let routine, let info):
      "the linear algebra routine \(routine) failed (info \(info)); "
        + "check the input for values that are not finite or absurdly large"
    }
  }
}

/// A dimension as the BLAS and LAPACK take it.
func blasSize(_ dimension: Int) throws(LinearAlgebraError) -> Int32 {
  guard let size = Int32(exactly: dimension) else {
    throw LinearAlgebraError(reason: .tooLarge(dimension: dimension))
  }
  return size
}

/// Runs a LAPACK routine twice: once to ask for its workspace, once to compute.
///
/// `body` gets the workspace, its length (−1 in the query), and writes `info`; the query's answer is in the
/// first element. Throws when `info` is not zero or the answer is no 32-bit size.
func withWorkspace(
  _ routine: String,
  _ body: (_ work: UnsafeMutablePointer<Double>, _ count: Int32, _ info: inout Int32) -> Void
) throws(LinearAlgebraError) {
  var info: Int32 = 0
  var answer = 0.0
  unsafe body(&answer, -1, &info)
  guard info == 0, let count = Int32(exactly: answer.rounded(.up)) else {
    throw LinearAlgebraError(reason: .failed(routine: routine, info: Int(info)))
  }
  var work = [Double](repeating: 0, count: max(1, Int(count)))
  unsafe work.withUnsafeMutableBufferPointer { work in
    if let base = work.baseAddress { unsafe body(base, max(1, count), &info) }
  }
  guard info == 0 else { throw LinearAlgebraError(reason: .failed(routine: routine, info: Int(info))) }
}
