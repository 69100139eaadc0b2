internal import Editing
internal import Storage

/// What is said of an edit in place.
enum WrittenReport {
  /// Names what an edit in place leaves of the model as it was, where there is anything.
  static func noteUntouched(_ application: EditApplication, quiet: Bool) {
    let names = application.untouchedWeights
    guard !names.isEmpty, !quiet else { return }
    Console.message(
      "note: \(names.joined(separator: ", ")) in the folder still \(names.count == 1 ? "holds" : "hold") the model as it "
        + "was; remove \(names.count == 1 ? "it" : "them") where other programs may load \(names.count == 1 ? "it" : "them")"
    )
  }

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
