/// Rewrites a regular expression from Oniguruma's language, which `tokenizer.json` files are written in, to PCRE2's.
///
/// The two agree on most of what pre-tokenizers use. What differs is rewritten, and what cannot be rewritten is
/// refused by name rather than matched differently:
/// - `\s` is the property White_Space (PCRE2 adds U+180E), `\w` reaches beyond letters and digits, `\h` is a
///   hexadecimal digit, `\uHHHH` a code point;
/// - `^` and `$` match at every line, and the option `m` lets `.` match newlines;
/// - a class inside a class is their union.
///
/// Sources: Oniguruma's doc/RE and doc/SYNTAX.md; pcre2pattern(3). The sets were read off Oniguruma through
/// `tokenizers` by `Scripts/fixtures/tokenizer_goldens.py`.
struct PatternTranslation {
  private var input: [Unicode.Scalar]
  private var position = 0
  private var output = String.UnicodeScalarView()

  /// The characters Oniguruma counts as `\w` in a class, as the inside of a class.
  private static let wordInClass = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"#
  /// Those it counts outside classes: the superscripts and fractions of Latin-1 too.
  private static let word = wordInClass + #"\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}"#

  private init(_ pattern: String) { input = Array(pattern.unicodeScalars) }

  /// `pattern` in PCRE2's language.
  ///
  /// - Throws: `Unsupported` naming the construct that has no translation.
  static func pcre2(_ pattern: String) throws(Unsupported) -> String {
    var translation = PatternTranslation(pattern)
    while translation.position < translation.input.count { try translation.element() }
    return String(translation.output)
  }

  /// A construct that has no translation.
  struct Unsupported: Error {
    /// The construct as written, or a few words on it.
    let construct: String
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    position + ahead < input.count ? input[position + ahead] : nil
  }

  private mutating func emit(_ text: String) { output.append(contentsOf: text.unicodeScalars) }

  /// Translates the next element outside classes.
  private mutating func element() throws(Unsupported) {
    let scalar = input[position]
    position += 1
    switch scalar {
    case "\\": try escape(inClass: false)
    case "[": try characterClass()
    case "^": emit("(?m:^)")
    case "$": emit("(?m:$)")
    case "(" where peek() == "*": throw Unsupported(construct: "(*")
    case "(" where peek() == "?": try group()
    case "}" where peek() == "+":
      // Possessive in PCRE2, a repeated repeat in Oniguruma.
      throw Unsupported(construct: "}+")
    default: output.append(scalar)
    }
  }

  /// Translates the head of a group, `?` being next: options, or the mark of its kind.
  private mutating func group() throws(Unsupported) {
    emit("(?")
    position += 1
    guard let next = peek() else { return }
    switch next {
    case "<", "=", "!", ">", ":": break
    case "i", "m", "x", "-":
      while let option = peek(), option != ":", option != ")" {
        switch option {
        case "i", "-": output.append(option)
        case "m": output.append("s")
        default: throw Unsupported(construct: "(?\(option)")
        }
        position += 1
      }
    default: throw Unsupported(construct: "(?\(next)")
    }
  }

  /// Translates a class up to its closing bracket, dropping the brackets of classes inside it.
  private mutating func characterClass() throws(Unsupported) {
    output.append("[")
    if peek() == "^" {
      output.append("^")
      position += 1
    }
    if peek() == "]" { throw Unsupported(construct: "[]") }
    var depth = 1
    while depth > 0 {
      guard let scalar = peek() else { throw Unsupported(construct: "a class without ']'") }
      position += 1
      switch scalar {
      case "\\": try escape(inClass: true)
      case "&" where peek() == "&": throw Unsupported(construct: "&&")
      case "[" where peek() == ":": throw Unsupported(construct: "[:")
      case "[" where peek() == "^": throw Unsupported(construct: "[^ in a class")
      case "[": depth += 1
      case "]":
        depth -= 1
        if depth == 0 { output.append("]") }
      default: output.append(scalar)
      }
    }
  }

  /// Translates what follows a backslash.
  private mutating func escape(inClass: Bool) throws(Unsupported) {
    guard let scalar = peek() else { throw Unsupported(construct: "\\ at the end") }
    position += 1
    switch scalar {
    case "s": emit(#"\p{White_Space}"#)
    case "S": emit(#"\P{White_Space}"#)
    case "w": emit(inClass ? Self.wordInClass : "[\(Self.word)]")
    case "h": emit(inClass ? "0-9a-fA-F" : "[0-9a-fA-F]")
    case "W" where !inClass: emit("[^\(Self.word)]")
    case "H" where !inClass: emit("[^0-9a-fA-F]")
    case "b" where !inClass:
      emit("(?:(?<=[\(Self.word)])(?![\(Self.word)])|(?<![\(Self.word)])(?=[\(Self.word)]))")
    case "u":
      let digits = input[position...].prefix(4)
      guard digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit) else {
        throw Unsupported(construct: "\\u")
      }
      position += 4
      emit("\\x{\(String(String.UnicodeScalarView(digits)))}")
    case "p", "P", "x":
      emit("\\\(scalar)")
      guard peek() == "{" else { break }
      while let next = peek(), output.last != "}" {
        output.append(next)
        position += 1
      }
    case "d", "D", "n", "r", "t", "f", "v", "a", "e", "0": emit("\\\(scalar)")
    case "A", "z", "Z", "G", "1"..."9":
      guard !inClass else { throw Unsupported(construct: "\\\(scalar) in a class") }
      emit("\\\(scalar)")
    case "a"..."z", "A"..."Z": throw Unsupported(construct: "\\\(scalar)")
    default: emit("\\\(scalar)")
    }
  }
}
