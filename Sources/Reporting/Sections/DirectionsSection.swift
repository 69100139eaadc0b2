/// The directions of a subspace, block by block: a map of them, and the tokens of the one that is chosen.
struct DirectionsSection: Section {
  /// The directions.
  let record: ExplanationRecord
  /// How offensive words are shown.
  let wording: Wording
  /// Tells this explorer from others in the same report.
  let number: Int

  /// The title.
  let title = "What the directions stand for"

  /// The map beside the tokens of the direction that is chosen.
  var html: HTML {
    HTML([
      element("div", .class("explorer")) {
        HTML.scrolling("Directions by block", map)
        element("div", .class("panels-of-directions"), Attribute("aria-live", "polite")) {
          record.blocks.enumerated().map { row, block in
            block.directions.enumerated().map { column, direction in
              panel(block, column, direction, isFirst: row == 0 && column == 0)
            }
          }.map { HTML($0) }
        }
      },
      .note(
        "Each cell is a direction, named by the token it raises most\(shading). Choose one, with the arrow keys too, for its tokens\(hasTexts ? " and the texts furthest along it, which are covered" : ""). Overlap is the mean squared cosine of the angles to the directions of the block before: 1 "
          + "where they are the same. Spaces in tokens are shown as ▁."),
    ])
  }

  /// What the shades of the cells say; nothing where the shares are not known.
  private var shading: String {
    record.blocks.contains { $0.directions.contains { $0.share != nil } }
      ? "; the darker, the larger its share of the block’s spectrum" : ""
  }

  private var hasTexts: Bool {
    record.blocks.contains { $0.directions.contains { !$0.topTexts.isEmpty || !$0.bottomTexts.isEmpty } }
  }

  private func name(_ block: ExplanationRecord.Block, _ column: Int) -> String {
    "direction-\(number)-\(block.block)-\(column + 1)"
  }

  private var map: HTML {
    let columns = record.blocks.map(\.directions.count).max() ?? 0
    let shares = record.blocks.flatMap(\.directions).compactMap(\.share)
    let most = shares.max() ?? 1
    let isCompared = record.blocks.contains { $0.compared != nil }
    return element("table", .class("map")) {
      element("thead") {
        element("tr") {
          element("th", Attribute("scope", "col")) { "block" }
          (1...max(1, columns)).map { column in element("th", Attribute("scope", "col")) { "\(column)" } }
          element("th", Attribute("scope", "col")) { "overlap" }
          if isCompared { element("th", Attribute("scope", "col")) { "with the other" } }
        }
      }
      element("tbody") {
        record.blocks.map { block in
          element("tr") {
            element("th", Attribute("scope", "row")) { "\(block.block)" }
            (0..<columns).map { column in
              column < block.directions.count ? cell(block, column, most) : element("td")
            }
            element("td", .class("overlap")) { block.overlap.map { NumberText.fixed($0, 2) } ?? "" }
            if isCompared {
              element("td", .class("overlap")) { block.compared.map { NumberText.fixed($0, 2) } ?? "–" }
            }
          }
        }
      }
    }
  }

  private func cell(_ block: ExplanationRecord.Block, _ column: Int, _ most: Double) -> HTML {
    let direction = block.directions[column]
    // Five shades by the share's root, so that small shares differ too.
    let shade =
      direction.share.map { most > 0 ? Int(((max(0, $0) / most).squareRoot() * 4).rounded()) : 0 } ?? 0
    let isFirst = block.block == record.blocks.first?.block && column == 0
    return element("td") {
      element(
        "button", .class("shade\(min(4, max(0, shade)))"), Attribute("type", "button"),
        Attribute("aria-controls", name(block, column)),
        Attribute("aria-pressed", isFirst ? "true" : "false"),
        Attribute("aria-label", "block \(block.block), direction \(column + 1)")
      ) {
        direction.top.first.map { wording.token($0.text) } ?? HTML("–")
      }
    }
  }

  private func panel(
    _ block: ExplanationRecord.Block, _ column: Int, _ direction: ExplanationRecord.Direction, isFirst: Bool
  ) -> HTML {
    let most = (direction.top + direction.bottom).map { abs($0.logit) }.max() ?? 1
    var facts: [String] = []
    if let value = direction.singularValue { facts.append("singular value \(NumberText.plain(value))") }
    if let share = direction.share { facts.append("\(NumberText.percent(share)) of the spectrum") }
    return element(
      "section", .class(isFirst ? "direction is-shown" : "direction"), Attribute("id", name(block, column))
    ) {
      element("h3") { "Block \(block.block), direction \(column + 1)" }
      HTML.note(facts.joined(separator: ", "))
      element("div", .class("ends-of-direction")) {
        element("div") {
          tokens("raises, as in rejected texts", direction.top, most, "bad")
          texts(direction.topTexts)
        }
        element("div") {
          tokens("lowers, as in chosen texts", direction.bottom, most, "good")
          texts(direction.bottomTexts)
        }
      }
    }
  }

  private func texts(_ texts: [ExplanationRecord.Text]) -> HTML {
    guard !texts.isEmpty else { return HTML() }
    return element("details", .class("cover")) {
      element("summary") { "show the texts furthest this way" }
      element("ol", .class("placed")) {
        texts.map { text in
          element("li") {
            element("p", .class("written"), Attribute("dir", "auto")) { wording.html(text.text) }
            element("span", .class("logit")) { NumberText.plain(text.coordinate) }
          }
        }
      }
    }
  }

  private func tokens(_ title: String, _ tokens: [ExplanationRecord.Token], _ most: Double, _ colour: String)
    -> HTML
  {
    HTML([
      element("h4") { title },
      element("ol", .class("tokens")) {
        tokens.map { token in
          let share = most > 0 ? min(1, abs(token.logit) / most) : 0
          return element("li") {
            element("code", Attribute("dir", "auto")) { wording.token(token.text) }
            element("span", .class("meter"), Attribute("aria-hidden", "true")) {
              element(
                "span", .class(colour), Attribute("style", "width:\(NumberText.coordinate(share * 100))%"))
            }
            element("span", .class("logit")) { NumberText.fixed(token.logit, 2) }
          }
        }
      },
    ])
  }
}
