internal import Storage

extension MemoryPlan {
  /// Throws where less memory is left than the pass will hold: known before it is begun.
  ///
  /// - Parameters:
  ///   - path: what the pass is made for, for the message.
  ///   - advice: what the user can give less of.
  package func requireRoom(
    for path: String,
    advice: String = "fewer pairs (--limit), fewer tokens of each (--max-tokens) or fewer threads (--threads)"
  ) throws {
    guard let available = SystemMemory.available(), available < total else { return }
    let megabytes = { (bytes: Int) in "\((bytes + 500_000) / 1_000_000) MB" }
    let largest = items.max { $0.bytes < $1.bytes }
    throw ModelError(
      path,
      "this needs \(megabytes(total)) of memory"
        + (largest.map { ", most of it for \($0.purpose) (\(megabytes($0.bytes)))" } ?? "")
        + ", and \(megabytes(available)) are left; close other programs, or give \(advice)")
  }
}
