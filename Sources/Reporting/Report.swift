/// One self-contained page made of records: no network, no fonts or scripts but its own.
///
/// The same records in the same order give the same bytes.
package struct Report: Sendable {
  private let title: String
  private let lead: String
  private let headline: HTML
  private let sections: [ReportSections.Entry]
  private let sources: [String]

  /// A report on `records`.
  ///
  /// - Parameter mask: gives a text with its offensive words masked; readers can show them.
  /// - Throws: ``RecordError`` where a record turns out damaged.
  package init(_ records: [Record], mask: @escaping @Sendable (String) -> String) throws {
    let wording = Wording(mask: mask)
    let contents = records.map(\.content)
    let evaluations = contents.compactMap { if case .evaluation(let record) = $0 { record } else { nil } }
    let receipts = contents.compactMap { if case .receipt(let record) = $0 { record } else { nil } }
    sources = records.map(\.name)
    title = Self.title(evaluations, receipts)
    lead = evaluations.first.map { Headline(record: $0).sentence } ?? ""
    headline = evaluations.first.map { Headline(record: $0).html } ?? HTML()
    sections = try ReportSections(records, wording).entries
  }

  private static func title(_ evaluations: [EvaluationRecord], _ receipts: [ReceiptRecord]) -> String {
    if let models = evaluations.first?.models {
      return models.count == 1
        ? models[0]
        : models.count == 2
          ? "\(models[0]) → \(models[1])" : "\(models[0]) and \(models.count - 1) edits"
    }
    return receipts.first.map { "\($0.base), \($0.summary)" } ?? "Report"
  }

  /// The page.
  package var html: String {
    let page = element("html", Attribute("lang", "en")) {
      head
      element("body") {
        element("a", .class("skip"), Attribute("href", "#main")) { "To the report" }
        element("header") {
          element("p", .class("kicker")) { "ProFS · report of an edit" }
          element("h1", Attribute("dir", "auto")) { title }
          if !lead.isEmpty { element("p", .class("lead")) { lead } }
          controls
        }
        element("main", Attribute("id", "main")) {
          headline
          numbered.map { number, entry in
            element("section", .class("part"), Attribute("id", "part-\(number)")) {
              element("h2", Attribute("dir", "auto")) { entry.title }
              entry.section.html
            }
          }
        }
        footer
        HTML.script
      }
    }
    return HTML([.documentType, page]).markup + "\n"
  }

  private var numbered: [(number: Int, entry: ReportSections.Entry)] {
    sections.enumerated().map { ($0 + 1, $1) }
  }

  private var head: HTML {
    element("head") {
      element("meta", Attribute("charset", "utf-8"))
      element(
        "meta", Attribute("http-equiv", "Content-Security-Policy"),
        Attribute("content", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"))
      element(
        "meta", Attribute("name", "viewport"), Attribute("content", "width=device-width, initial-scale=1"))
      element("meta", Attribute("name", "color-scheme"), Attribute("content", "light dark"))
      element("title") { title }
      HTML.styleSheet
    }
  }

  private var controls: HTML {
    element("div", .class("controls")) {
      if sections.count > 1 {
        element("nav", Attribute("aria-label", "Contents")) {
          numbered.map { number, entry in
            element("a", Attribute("href", "#part-\(number)")) { entry.title }
          }
        }
      }
      element("label", .class("reveal")) {
        element("input", Attribute("type", "checkbox"), Attribute("id", "reveal"))
        " Show offensive words"
      }
    }
  }

  private var footer: HTML {
    element("footer") {
      element("p") {
        "Made by profs report from " + sources.joined(separator: ", ")
          + ". The method is ProFS (Uppaal et al., ICLR 2025, arXiv 2405.13967). An edit is not a safety guarantee."
      }
    }
  }
}
