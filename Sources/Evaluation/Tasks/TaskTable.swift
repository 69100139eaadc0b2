/// The lines of GLUE's RTE table.
struct TaskTable {
  private let premise: Int
  private let hypothesis: Int
  private let label: Int
  /// Whether fields may stand in quotation marks, doubled inside.
  private let isQuoted: Bool

  /// Finds the columns; nil if they are not there.
  init?(header: ArraySlice<UInt8>) {
    let names = header.split(separator: UInt8(ascii: "\t")).map { String(decoding: $0, as: UTF8.self) }
    guard let premise = names.firstIndex(of: "sentence1"),
      let hypothesis = names.firstIndex(of: "sentence2"),
      let label = names.firstIndex(of: "label")
    else { return nil }
    (self.premise, self.hypothesis, self.label) = (premise, hypothesis, label)
    isQuoted = !names.contains("index")
  }

  /// The question on a line.
  func item(_ line: ArraySlice<UInt8>, place: String) throws -> TaskItem {
    guard let fields = fields(line), fields.count > max(premise, hypothesis, label) else {
      throw EvaluationError(
        place, "expected as many fields as the first line names, separated by tabs, in UTF-8")
    }
    let isEntailed: Bool
    switch fields[label] {
    case "entailment", "0": isEntailed = true
    case "not_entailment", "1": isEntailed = false
    default:
      throw EvaluationError(
        place, "expected entailment, not_entailment, 0 or 1 as label, found \"\(fields[label].prefix(40))\"")
    }
    return .rte(premise: fields[premise], hypothesis: fields[hypothesis], isEntailed: isEntailed)
  }

  /// Nil if a field is not UTF-8 or a quotation mark is not closed.
  private func fields(_ line: ArraySlice<UInt8>) -> [String]? {
    let (tab, quote) = (UInt8(ascii: "\t"), UInt8(ascii: "\""))
    var fields: [String] = []
    var rest = line
    while true {
      var content: [UInt8] = []
      if isQuoted, rest.first == quote {
        repeat {
          rest.removeFirst()
          guard let end = rest.firstIndex(of: quote) else { return nil }
          content += rest[..<end]
          rest = rest[(end + 1)...]
          if rest.first == quote { content.append(quote) }
        } while rest.first == quote
      }
      let end = rest.firstIndex(of: tab) ?? rest.endIndex
      guard let field = String(validating: content + rest[..<end], as: UTF8.self) else { return nil }
      fields.append(field)
      guard end < rest.endIndex else { return fields }
      rest = rest[(end + 1)...]
    }
  }
}
