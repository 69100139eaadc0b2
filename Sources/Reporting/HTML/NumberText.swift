internal import Foundation

/// Numbers as people read them.
package enum NumberText {
  /// `value` with `digits` behind the point, and a real minus sign.
  package static func fixed(_ value: Double, _ digits: Int, signed: Bool = false) -> String {
    let text = String(format: "%.\(digits)f", abs(value))
    // What rounds to zero has no sign.
    guard text.contains(where: { $0 != "0" && $0 != "." }) else { return text }
    return (value < 0 ? "−" : signed ? "+" : "") + text
  }

  /// `value` in about four significant digits: 24.65, 102.5, 0.0197.
  package static func plain(_ value: Double) -> String {
    switch abs(value) {
    case 1e7...: exponent(value)
    case 1000...: grouped(value)
    case 100...: fixed(value, 1)
    case 1...: fixed(value, 2)
    case 1e-4...: fixed(value, 4)
    case 0: "0"
    default: exponent(value)
    }
  }

  /// `value` as 2.0·10⁻⁴.
  package static func exponent(_ value: Double) -> String {
    let parts = String(format: "%.1e", abs(value)).split(separator: "e")
    guard parts.count == 2, let power = Int(parts[1]) else { return fixed(value, 1) }
    let raised = String(power).map { superscripts[$0] ?? $0 }
    return (value < 0 ? "−" : "") + parts[0] + "·10" + String(raised)
  }

  private static let superscripts: [Character: Character] = [
    "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸",
    "9": "⁹",
  ]

  /// A whole number with thin spaces between groups of three digits, from five digits on.
  package static func grouped(_ value: Double) -> String {
    let digits = Array(String(format: "%.0f", abs(value)))
    guard digits.count > 4 else { return fixed(value, 0) }
    var result = value < 0 ? "−" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "\u{202F}" }
      result.append(digit)
    }
    return result
  }

  /// A share in percent: 28.0 %.
  package static func percent(_ share: Double, _ digits: Int = 1, signed: Bool = false) -> String {
    fixed(share * 100, digits, signed: signed) + "\u{00A0}%"
  }

  /// Seconds as people say them: 1 min 38 s.
  package static func duration(_ seconds: Double) -> String {
    let space = "\u{00A0}"
    guard seconds >= 60 else { return fixed(seconds, 1) + space + "s" }
    let whole = seconds.rounded()
    let (minutes, rest) = (fixed((whole / 60).rounded(.down), 0), whole.truncatingRemainder(dividingBy: 60))
    return minutes + space + "min" + space + fixed(rest, 0) + space + "s"
  }

  /// A position of a drawing: at most one digit behind the point, a plain hyphen for minus.
  static func coordinate(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    let short = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    return short == "-0" ? "0" : short
  }
}
