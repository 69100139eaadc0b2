/// How text that may offend is shown: offensive words masked, until the reader asks for them.
struct Wording: Sendable {
  /// A text with its offensive words masked.
  let mask: @Sendable (String) -> String

  /// `text` twice where words of it are masked, of which the style sheet shows one.
  func html(_ text: String) -> HTML {
    let masked = mask(text)
    guard masked != text else { return HTML(text) }
    return HTML([
      element("span", .class("masked")) { masked }, element("span", .class("unmasked")) { text },
    ])
  }

  /// A token as it can stand in a line: spaces visible, nothing that would move what follows.
  func token(_ text: String) -> HTML {
    let visible = text.visibleToken
    return html(visible.isEmpty ? "∅" : visible)
  }
}

extension String {
  /// A token's text as it can stand in a line: spaces visible, nothing that would move what follows.
  package var visibleToken: String {
    var result = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .spaceSeparator: result += "▁"
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
        result += scalar.escaped(asASCII: true)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
