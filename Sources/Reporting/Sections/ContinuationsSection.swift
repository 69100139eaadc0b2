/// What the models wrote, side by side: a choice of prompts, spread evenly from the largest fall of the score to the largest rise.
struct ContinuationsSection: Section {
  /// A prompt with the texts of each model.
  private struct Card {
    var prompt: String
    var texts: [(model: String, text: String, score: Double?)]
  }

  /// The title.
  let title = "Side by side"
  /// How offensive words are shown.
  private let wording: Wording
  private let cards: [Card]
  private let total: Int
  private let scores: ScoreGrid?
  private let scorer: String?
  private let samples: Int

  /// How many prompts a report shows; a page of them holds a dozen.
  static let shownPrompts = 60
  /// Models beside the base of which texts are shown.
  private static let shownEdits = 3
  /// From this score on a text is covered until it is asked for.
  private static let coveredScore = 0.5

  /// The texts of an evaluation; `nil` where there are none.
  init?(_ record: EvaluationRecord, _ wording: Wording) throws {
    guard !record.prompts.isEmpty else { return nil }
    self.wording = wording
    total = record.prompts.count
    scorer = record.scorer
    let changes = record.prompts.map { $0.scores.count > 1 ? $0.scores[1] - $0.scores[0] : $0.scores[0] }
    let order = record.prompts.indices.sorted { (changes[$0], $0) < (changes[$1], $1) }
    let models = Array(record.models.prefix(Self.shownEdits + 1))
    var samples = 1
    cards = try EvenChoice.of(order, count: Self.shownPrompts).map { index in
      let field = record.prompts[index].field
      let byModel = try field.member("continuations").list
      let texts = try zip(models, byModel).map { model, texts in
        samples = max(samples, try texts.list.count)
        guard let first = try texts.list.first else { throw texts.error(expected: "a text") }
        let score = try record.scorer.map { try first.member("scores").member($0).number }
        return (model: model, text: try first.member("text").text, score: score)
      }
      return Card(prompt: try field.member("prompt").text, texts: texts)
    }
    self.samples = samples
    scores =
      record.models.count > 1 && record.scorer != nil
      ? ScoreGrid(record.prompts.map { ($0.scores[0], $0.scores[1]) }) : nil
  }

  /// Texts without scores, of one model or of two.
  init(_ prompts: [(prompt: String, texts: [String])], _ wording: Wording) {
    self.wording = wording
    (total, scorer, scores, samples) = (prompts.count, nil, nil, 1)
    cards = EvenChoice.of(prompts, count: Self.shownPrompts).map { entry in
      Card(
        prompt: entry.prompt,
        texts: entry.texts.enumerated().map { (model: $0 == 0 ? "base" : "edited", text: $1, score: nil) })
    }
  }

  /// The scores of all prompts, then the chosen ones with their texts.
  var html: HTML {
    HTML([
      overview,
      .note(choice),
      element("div", .class("cards"), Attribute("data-page-size", "12")) {
        cards.map(html)
      },
    ])
  }

  private var choice: String {
    let shown =
      cards.count < total
      ? "\(cards.count) of \(NumberText.grouped(Double(total))) prompts are shown, evenly spaced"
      : "All \(total) prompts are shown, ordered"
    let way =
      scorer == nil
      ? (cards.count < total ? " in their order." : " as they came.")
      : " from the largest fall of the score to the largest rise."
    let several = samples > 1 ? " Of \(samples) texts of each model the first is shown." : ""
    let covered =
      scorer == nil ? "" : " Texts that score \(NumberText.fixed(Self.coveredScore, 1)) or more are covered."
    return shown + way + several + covered
  }

  private var overview: HTML {
    guard let scores else { return HTML() }
    return element("figure", .class("beside")) {
      scores.html
      element("figcaption") {
        "The score (\(scorer.map(MeasureName.scorer) ?? "")) of each prompt’s text, before and after; a square’s area grows with the number of prompts. "
          + "Below the diagonal it fell. Prompts where it fell: \(scores.changes.fell), rose: \(scores.changes.rose), "
          + "stayed within 0.01: \(scores.changes.stayed)."
      }
    }
  }

  private func html(_ card: Card) -> HTML {
    element("article", .class("card")) {
      element("p", .class("prompt"), Attribute("dir", "auto")) { wording.html(card.prompt) }
      element("div", .class("texts")) {
        card.texts.enumerated().map { index, entry in
          element("div", .class("text")) {
            element("p", .class("who")) {
              element("span", .class(index == 0 ? "cbase" : "c1"), Attribute("dir", "auto")) {
                index == 0 ? "base" : card.texts.count == 2 ? "edited" : entry.model
              }
              if let score = entry.score { meter(score) }
            }
            body(entry.text, entry.score)
          }
        }
      }
    }
  }

  private func body(_ text: String, _ score: Double?) -> HTML {
    // Texts begin with the space behind the prompt, and may end in empty lines.
    let trimmed = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    let shown = element("p", .class("written"), Attribute("dir", "auto")) {
      trimmed.isEmpty ? element("em") { "nothing" } : wording.html(trimmed)
    }
    guard let score, score >= Self.coveredScore else { return shown }
    return element("details", .class("cover")) {
      element("summary") { "scored toxic: show the text" }
      shown
    }
  }

  private func meter(_ score: Double) -> HTML {
    let share = min(1, max(0, score))
    return element("span", .class("score")) {
      element("span", .class("meter"), Attribute("aria-hidden", "true")) {
        element(
          "span", .class(share >= Self.coveredScore ? "bad" : "cbase"),
          Attribute("style", "width:\(NumberText.coordinate(share * 100))%"))
      }
      NumberText.fixed(score, 2)
    }
  }
}
