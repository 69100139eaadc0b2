internal import Editing
internal import Foundation
internal import Reporting
internal import Storage
internal import SubspaceEditing

/// What a subspace's directions stand for, for people and for programs.
struct ExplanationReport {
  /// Whether offensive words are masked.
  var isMasked: Bool
  /// Whether there is another subspace.
  var isCompared: Bool

  /// Columns of the table.
  private static let width = 100

  /// Prints a block: its spectrum and overlaps, then two lines of tokens for each direction.
  func print(_ block: SubspaceExplanation.Block) {
    let rank = block.directions.count
    var head = "block \(block.block): rank \(rank)"
    let values = block.directions.compactMap(\.singularValue)
    if values.count == rank {
      head += ", " + percent(values.reduce(0) { $0 + block.share($1) }) + " of the spectrum"
    }
    if let previous = block.previous {
      head += String(format: "; overlap with block %d %.2f", previous.block, previous.angles.overlap)
    }
    Console.result(head)
    if isCompared { Console.result("  " + comparison(block.compared)) }
    for (index, direction) in block.directions.enumerated() {
      let value = direction.singularValue.map {
        String(format: "%.3g", $0).leftPadded(10) + percent(block.share($0)).leftPadded(8)
      }
      let label = String(index + 1).leftPadded(4) + (value ?? String(repeating: " ", count: 18))
      Console.result(line(label + "  +", direction.top))
      let indent = String(repeating: " ", count: label.count)
      Console.result(line(indent + "  -", direction.bottom))
      for (sign, loads) in [("+", direction.texts?.largest), ("-", direction.texts?.smallest)] {
        for load in loads ?? [] { Console.result(line(indent + "  \(sign)", load)) }
      }
    }
    Console.result()
  }

  private func comparison(_ angles: PrincipalAngles?) -> String {
    guard let angles else { return "not in the other subspace" }
    let degrees = angles.angles.prefix(10).map { String(format: "%.0f", $0 * 180 / .pi) }
    let rest = angles.angles.count > 10 ? " …" : ""
    return String(format: "overlap with the other subspace %.2f, angles in degrees: ", angles.overlap)
      + degrees.joined(separator: " ") + rest
  }

  private func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

  /// As many whole tokens as fit.
  private func line(_ label: String, _ tokens: [SubspaceExplanation.Token]) -> String {
    var (text, used) = (label, label.count)
    for token in tokens {
      let shown = " " + (isMasked ? Masking.mask(token.text) : token.text).visibleToken
      used += Self.columns(shown)
      if used > Self.width { break }
      text += shown
    }
    return text
  }

  /// A text after its coordinate, as much of it as fits.
  private func line(_ label: String, _ load: SubspaceExplanation.TextLoad) -> String {
    var line = label + String(format: "%.3g", Double(load.coordinate)).leftPadded(9) + "  "
    let text = (isMasked ? Masking.mask(load.text) : load.text).visibleToken.replacing("▁", with: " ")
    var used = line.count
    for character in text {
      used += Self.columns(String(character))
      if used > Self.width { break }
      line.append(character)
    }
    return line
  }

  /// Columns that a terminal gives a text: two to each character of East Asian scripts and emoji.
  private static func columns(_ text: String) -> Int {
    text.reduce(0) { sum, character in
      sum + (character.unicodeScalars.contains { $0.value >= 0x1100 && $0.value != 0x2581 } ? 2 : 1)
    }
  }

  /// A block's entry in the `--json` output, in which nothing is masked.
  static func json(_ block: SubspaceExplanation.Block, _ isCompared: Bool) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("block", .int(block.block)),
      ("rank", .int(block.directions.count)),
      ("singular_values", .array(block.singularValues.map { .double($0) })),
      (
        "previous",
        block.previous.map {
          .object([("block", .int($0.block))] + json($0.angles))
        } ?? .null
      ),
      (
        "directions",
        .array(
          block.directions.map { direction in
            .object(
              [
                ("singular_value", direction.singularValue.map { .double($0) } ?? .null),
                ("share", direction.singularValue.map { .double(block.share($0)) } ?? .null),
                ("top", .array(direction.top.map(json))), ("bottom", .array(direction.bottom.map(json))),
              ] + texts(direction))
          })
      ),
    ]
    if isCompared { members.append(("compared", block.compared.map { .object(json($0)) } ?? .null)) }
    return .object(members)
  }

  private static func json(_ angles: PrincipalAngles) -> [(key: String, value: JSON)] {
    [("overlap", .double(angles.overlap)), ("angles", .array(angles.angles.map { .double($0) }))]
  }

  /// Members for the texts along a direction, where there are some.
  private static func texts(_ direction: SubspaceExplanation.Direction) -> [(key: String, value: JSON)] {
    guard let texts = direction.texts else { return [] }
    func list(_ loads: [SubspaceExplanation.TextLoad]) -> JSON {
      .array(
        loads.map {
          [
            "index": .int($0.index), "text": .string($0.text), "coordinate": .double(Double($0.coordinate)),
          ]
        })
    }
    return [("top_texts", list(texts.largest)), ("bottom_texts", list(texts.smallest))]
  }

  private static func json(_ token: SubspaceExplanation.Token) -> JSON {
    ["id": .int(Int(token.id)), "text": .string(token.text), "logit": .double(Double(token.logit))]
  }
}
