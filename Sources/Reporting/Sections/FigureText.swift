/// Figures and changes as they stand in a report's text and tables.
enum FigureText {
  /// A figure: 28.0 % or 24.65.
  static func value(_ value: Double?, isShare: Bool) -> String {
    guard let value else { return "–" }
    return isShare ? NumberText.percent(value) : NumberText.plain(value)
  }

  /// An interval's ends: [21.8, 35.0].
  static func ends(_ interval: Interval, isShare: Bool) -> String {
    guard let ends = interval.ends else { return "" }
    func text(_ value: Double) -> String {
      isShare ? NumberText.fixed(value * 100, 1) : NumberText.plain(value)
    }
    return "[\(text(ends.lowerBound)), \(text(ends.upperBound))]"
  }

  /// A change with its sign: −36.9 % or +0.6 points.
  static func change(_ change: Interval, isShare: Bool, isRelative: Bool) -> String {
    guard let value = change.value else { return "–" }
    if isRelative { return NumberText.percent(value, signed: true) }
    return isShare
      ? NumberText.fixed(value * 100, 1, signed: true) + "\u{00A0}points"
      : NumberText.fixed(value, 2, signed: true)
  }

  /// The ends of a change's interval, with signs.
  static func changeEnds(_ change: Interval, isShare: Bool, isRelative: Bool) -> String {
    guard let ends = change.ends else { return "" }
    let (scale, digits) = isRelative || isShare ? (100.0, 1) : (1, 2)
    func text(_ value: Double) -> String { NumberText.fixed(value * scale, digits, signed: true) }
    return "[\(text(ends.lowerBound)), \(text(ends.upperBound))]"
  }

  /// A change in words: "toxicity falls by 36.9 % [21.1, 52.6]", or "perplexity −0.1 % (of 2, too few to tell)".
  static func clause(_ title: String, _ comparison: EvaluationRecord.Comparison, isShare: Bool) -> String {
    guard let change = comparison.change, let value = change.value, let verdict = comparison.verdict else {
      return "\(title) cannot be compared"
    }
    if verdict == .tooFew {
      let size = Self.change(change, isShare: isShare, isRelative: comparison.isRelative)
      return "\(title) \(size) (\(change.count.map { "of \($0), " } ?? "")\(verdict.rawValue))"
    }
    guard verdict != .indistinguishable else { return "\(title) cannot be told from the base’s" }
    let (scale, unit, digits) =
      comparison.isRelative ? (100.0, "\u{00A0}%", 1) : isShare ? (100, "\u{00A0}points", 1) : (1, "", 2)
    let size = NumberText.fixed(abs(value) * scale, digits) + unit
    var text = "\(title) \(verdict == .lower ? "falls" : "rises") by \(size)"
    if let ends = change.ends {
      let sizes = [ends.lowerBound, ends.upperBound].map { abs($0) * scale }.sorted()
      text += " [\(NumberText.fixed(sizes[0], digits)), \(NumberText.fixed(sizes[1], digits))]"
    }
    return text
  }

  /// A number for a column: its parts before and after the point stand apart, so that points are below each other.
  static func cell(_ text: String) -> HTML {
    let point = text.firstIndex(of: ".")
    let end = text.firstIndex { !($0.isNumber || "−+.\u{202F}".contains($0)) } ?? text.endIndex
    let split = point.map { min($0, end) } ?? end
    return element("span", .class("number")) {
      element("span", .class("whole")) { String(text[..<split]) }
      element("span", .class("rest")) { String(text[split...]) }
    }
  }
}
