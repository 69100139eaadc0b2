/// HellaSwag's questions as llama.cpp's text file has them.
///
/// The file joins the whole sentences of a context and the opening of the next, which the harness capitalises. The
/// opening is what follows the last full stop with a space after it; a context that ends with a full stop has none.
enum HellaSwagText {
  /// The question in six lines; nil if they are no question.
  static func item(_ lines: [String]) -> TaskItem? {
    guard let head = lines.first, let gold = Int(lines[1]), let colon = head.ranges(of: ": ").first else {
      return nil
    }
    let activity = String(head[..<colon.lowerBound])
    var context = head[colon.upperBound...]
    var opening = ""
    if context.utf8.last != UInt8(ascii: "."), let stop = context.ranges(of: ". ").last {
      opening = String(context[stop.upperBound...])
      context = context[..<stop.upperBound].dropLast()
    }
    return .hellaSwag(
      activity: activity, context: String(context), opening: opening, endings: Array(lines[2...]), gold: gold)
  }
}
