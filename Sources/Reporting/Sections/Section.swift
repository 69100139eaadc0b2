/// A part of a report with a title of its own.
protocol Section: Sendable {
  /// The title, which the contents list too.
  var title: String { get }
  /// What stands below the title.
  var html: HTML { get }
}

extension HTML {
  /// A paragraph of explanation below a title or a figure.
  static func note(_ text: String) -> HTML {
    text.isEmpty ? HTML() : element("p", .class("note")) { text }
  }

  /// A box within which something wide can be scrolled, also by keys.
  static func scrolling(_ label: String, _ content: HTML) -> HTML {
    element(
      "div", .class("scroll"), Attribute("tabindex", "0"), Attribute("role", "region"),
      Attribute("aria-label", label)
    ) { content }
  }

  /// Names and values, a line each.
  static func facts(_ facts: [(name: String, value: String)]) -> HTML {
    element("dl", .class("facts")) {
      facts.map { fact in
        element("div") {
          element("dt") { fact.name }
          element("dd", Attribute("dir", "auto")) { fact.value }
        }
      }
    }
  }
}
