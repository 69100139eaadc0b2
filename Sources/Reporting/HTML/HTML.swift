/// A piece of HTML or SVG, whose text is escaped by construction.
///
/// A `String` can only come in as text or as the value of an attribute, and both are escaped here. Names of elements and
/// attributes are literals of this package; the style sheet and the script are its resources. So no record, whatever it
/// holds, adds markup to a report.
package struct HTML: Sendable, Equatable {
  /// The markup, ready to be written.
  package let markup: String

  private init(markup: String) { self.markup = markup }

  /// Nothing.
  package init() { markup = "" }

  /// `text`, every character of it shown as itself.
  package init(_ text: String) { markup = Self.escaped(text) }

  /// The pieces one after the other.
  package init(_ pieces: [HTML]) { markup = pieces.map(\.markup).joined() }

  /// The document's beginning, which makes browsers follow the standard.
  static let documentType = HTML(markup: "<!DOCTYPE html>\n")

  /// The report's style sheet.
  static let styleSheet = HTML(
    markup: "<style>\n" + String(decoding: PackageResources.report_css, as: UTF8.self) + "</style>")

  /// The report's script.
  static let script = HTML(
    markup: "<script>\n" + String(decoding: PackageResources.report_js, as: UTF8.self) + "</script>")

  /// Whether nothing is shown.
  package var isEmpty: Bool { markup.isEmpty }

  /// Elements of HTML that have no content and no end tag.
  private static let voids: Set = ["br", "col", "hr", "input", "meta"]
  /// Shapes of SVG, which are closed at once.
  private static let shapes: Set = ["circle", "line", "path", "polyline", "rect"]

  /// An element with its attributes and content.
  init(name: StaticString, attributes: [Attribute], content: HTML) {
    let name = "\(name)"
    var markup = "<" + name
    for attribute in attributes {
      markup += " \(attribute.name)"
      if let value = attribute.value { markup += "=\"" + Self.escaped(value) + "\"" }
    }
    if Self.voids.contains(name) {
      markup += ">"
    } else if Self.shapes.contains(name), content.isEmpty {
      markup += "/>"
    } else {
      markup += ">" + content.markup + "</" + name + ">"
    }
    self.markup = markup
  }

  /// `text` with what has a meaning in markup written as references; control characters become U+FFFD.
  private static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      defer { previous = scalar }
      switch scalar {
      case "\n" where previous == "\r": break
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case "\r": result += "\n"
      case "\0"..."\u{1F}", "\u{7F}"..."\u{9F}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(isNoncharacter(scalar) ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }

  /// Whether Unicode reserves `scalar` for internal use; HTML does not allow it.
  private static func isNoncharacter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
  }
}

/// An attribute of an element.
package struct Attribute: Sendable {
  /// Its name.
  let name: StaticString
  /// Its value; `nil` for an attribute that stands alone.
  let value: String?

  /// An attribute with a value.
  package init(_ name: StaticString, _ value: String) { (self.name, self.value) = (name, value) }

  /// An attribute that stands alone.
  package init(_ name: StaticString) { (self.name, value) = (name, nil) }

  /// A position or a length of a drawing, to a tenth of a unit.
  package init(_ name: StaticString, _ value: Double) { self.init(name, NumberText.coordinate(value)) }

  /// The classes of the style sheet.
  package static func `class`(_ names: String) -> Attribute { Attribute("class", names) }
}

/// An element with its attributes and content.
package func element(
  _ name: StaticString, _ attributes: Attribute..., @HTMLBuilder content: () -> HTML = { HTML() }
) -> HTML {
  HTML(name: name, attributes: attributes, content: content())
}

/// Puts pieces of HTML together; strings among them are text.
@resultBuilder package enum HTMLBuilder {
  /// A string is text.
  package static func buildExpression(_ text: String) -> HTML { HTML(text) }
  /// A piece stays as it is.
  package static func buildExpression(_ piece: HTML) -> HTML { piece }
  /// Pieces follow each other.
  package static func buildExpression(_ pieces: [HTML]) -> HTML { HTML(pieces) }
  /// Pieces follow each other.
  package static func buildBlock(_ pieces: HTML...) -> HTML { HTML(pieces) }
  /// A piece that may be absent.
  package static func buildOptional(_ piece: HTML?) -> HTML { piece ?? HTML() }
  /// The first branch.
  package static func buildEither(first: HTML) -> HTML { first }
  /// The second branch.
  package static func buildEither(second: HTML) -> HTML { second }
  /// The pieces of a loop.
  package static func buildArray(_ pieces: [HTML]) -> HTML { HTML(pieces) }
}
