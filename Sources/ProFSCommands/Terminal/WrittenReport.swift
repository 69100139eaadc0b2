internal import Editing
internal import Storage

/// What is said of an edit that another run had begun.
enum WrittenReport {
  /// Says that the edit in place at `path` was interrupted and is finished now.
  static func printFinished(_ receipt: Receipt, _ path: String, json: Bool) {
    if json {
      Console.json([
        "out": .string(path), "finished_interrupted": true,
        "changed": .array(receipt.edited.map(TensorReport.json)), "unchanged": .int(receipt.unchangedCount),
      ])
    } else {
      TensorReport.print(receipt)
      Console.result(
        "an edit in place of \(path) had been interrupted, and is finished now; nothing else was done")
    }
  }
}
