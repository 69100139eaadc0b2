internal import Foundation
internal import Storage
internal import SubspaceEditing
internal import Training

/// Gradients and their shares in a subspace, for people and for programs.
enum GradientTable {
  /// Prints a table for each number of pairs.
  static func print(_ reports: [GradientAnalysis.Report]) {
    for report in reports {
      let hasSubspace = report.blocks.contains { $0.share != nil }
      Console.result("\(report.pairs) \(report.pairs == 1 ? "pair" : "pairs")")
      Console.result("block        |G|" + (hasSubspace ? "   share  random  angles" : ""))
      for block in report.blocks {
        var line = "\(block.block)".leftPadded(5) + String(format: "%.3e", block.norm).leftPadded(11)
        if let share = block.share, let random = block.randomShare {
          line += String(format: "%8.3f%8.3f  ", share, random)
          let degrees = (block.angles?.angles ?? []).map { String(format: "%.0f", $0 * 180 / .pi) }
          line += degrees.prefix(10).joined(separator: " ") + (degrees.count > 10 ? " …" : "")
        }
        Console.result(line)
      }
      Console.result()
    }
  }

  /// A report's entry in the `--json` output.
  static func json(_ report: GradientAnalysis.Report) -> JSON {
    [
      "pairs": .int(report.pairs),
      "blocks": .array(
        report.blocks.map { block in
          var members: [(key: String, value: JSON)] = [
            ("block", .int(block.block)), ("norm", .double(block.norm)),
          ]
          if let share = block.share, let random = block.randomShare, let angles = block.angles {
            members += [
              ("share", .double(share)), ("random", .double(random)),
              ("angles", .array(angles.angles.map { .double($0) })),
            ]
          }
          return .object(members)
        }),
    ]
  }
}
