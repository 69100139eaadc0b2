internal import Editing
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
          line += degrees(block.angles?.angles ?? [])
        }
        Console.result(line)
      }
      Console.result()
    }
  }

  /// Prints how near the subspaces of few pairs come to that of the most: a row a block, a column a number of pairs.
  static func print(_ reports: [SubspaceConvergence.Report]) {
    guard let last = reports.last else { return }
    Console.result("overlap with the subspace of \(last.pairs) pairs")
    Console.result(
      "block" + reports.map { "\($0.pairs)".leftPadded(9) }.joined() + "  chance  angles at the fewest pairs")
    for (index, block) in last.blocks.enumerated() {
      let overlaps = reports.map { String(format: "%9.3f", $0.blocks[index].angles.overlap) }.joined()
      Console.result(
        "\(block.block)".leftPadded(5) + overlaps + String(format: "%8.3f  ", block.chance)
          + degrees(reports[0].blocks[index].angles.angles))
    }
    let means = reports.map { String(format: "%9.3f", $0.overlap) }.joined()
    Console.result("mean".leftPadded(5) + means)
  }

  /// Angles in degrees, the first ten.
  private static func degrees(_ angles: [Double]) -> String {
    let degrees = angles.map { String(format: "%.0f", $0 * 180 / .pi) }
    return degrees.prefix(10).joined(separator: " ") + (degrees.count > 10 ? " …" : "")
  }

  /// A comparison's entry in the `--json` output.
  static func json(_ report: SubspaceConvergence.Report) -> JSON {
    [
      "pairs": .int(report.pairs), "overlap": .double(report.overlap),
      "blocks": .array(
        report.blocks.map { block in
          [
            "block": .int(block.block), "overlap": .double(block.angles.overlap),
            "chance": .double(block.chance), "angles": .array(block.angles.angles.map { .double($0) }),
          ]
        }),
    ]
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
