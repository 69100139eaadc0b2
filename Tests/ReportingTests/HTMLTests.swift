import Reporting
import Testing

/// Text stays text.
@Suite struct HTMLTests {
  @Test(
    "text and attributes are escaped, whatever they hold",
    arguments: [
      ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
      ("a & b &amp; c", "a &amp; b &amp;amp; c"),
      ("\"'><img src=x onerror=alert(1)>", "&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;"),
      ("</style></title>", "&lt;/style&gt;&lt;/title&gt;"), ("line\r\nline\ttab", "line\nline\ttab"),
      (
        "\u{0}\u{1B}[31m\u{85}\u{FFFE}\u{1FFFF}",
        "\u{FFFD}\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD}"
      ),
      ("naïve 日本 🙂", "naïve 日本 🙂"),
    ])
  func escaping(_ text: String, _ expected: String) {
    #expect(HTML(text).markup == expected)
    #expect(element("p") { text }.markup == "<p>\(expected)</p>")
    #expect(element("p", Attribute("title", text)).markup == "<p title=\"\(expected)\"></p>")
  }

  @Test("elements nest, are closed as HTML and SVG want it, and keep their order")
  func elements() {
    let piece = element("div", .class("a"), Attribute("hidden")) {
      "one"
      element("br")
      ["two", "three"].map { text in element("em") { text } }
      if Bool(true) { element("line", Attribute("x1", 0.04), Attribute("y1", -12.25)) }
    }
    #expect(
      piece.markup
        == "<div class=\"a\" hidden>one<br><em>two</em><em>three</em><line x1=\"0\" y1=\"-12.2\"/></div>")
    #expect(HTML([HTML(), HTML("")]).isEmpty)
  }

  @Test(
    "numbers are written for people",
    arguments: [
      (NumberText.fixed(-0.04, 1), "0.0"), (NumberText.fixed(-1.26, 1, signed: true), "−1.3"),
      (NumberText.fixed(2, 1, signed: true), "+2.0"), (NumberText.plain(24.6491), "24.65"),
      (NumberText.plain(0.0197), "0.0197"), (NumberText.plain(123.44), "123.4"), (NumberText.plain(0), "0"),
      (NumberText.plain(1_234_567), "1\u{202F}234\u{202F}567"), (NumberText.plain(2.04e-6), "2.0·10⁻⁶"),
      (NumberText.percent(-0.369, signed: true), "−36.9\u{A0}%"),
      (NumberText.duration(98.4), "1\u{A0}min\u{A0}38\u{A0}s"),
      (NumberText.duration(1.25), "1.2\u{A0}s"), (NumberText.grouped(1234), "1234"),
    ])
  func numbers(_ text: String, _ expected: String) { #expect(text == expected) }
}
