import Foundation
import Reporting
import Storage
import Testing

/// The page.
@Suite struct ReportTests {
  private static func all() throws -> [Record] {
    try Fixture.names.map { try Record(path: Fixture.path($0)) }
  }

  private func count(_ part: String, in page: String) -> Int { page.components(separatedBy: part).count - 1 }

  @Test("the same records give the same bytes, and a page that loads nothing")
  func whole() throws {
    let page = try page(Self.all())
    #expect(try page == ReportingTests.page(Self.all()))
    #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">") && page.hasSuffix("</html>\n"))
    for part in ["://", "url(", "src=", "@import", "<link", "<iframe", "javascript:"] {
      #expect(!page.contains(part))
    }
    #expect(count("<script>", in: page) == 1 && count("<style>", in: page) == 1)
    #expect(page.contains("default-src &#39;none&#39;"))
    let ids = page.matches(of: /id="([^"]*)"/).map { String($0.1) }
    #expect(Set(ids).count == ids.count)
    for link in page.matches(of: /(?:href="#|aria-controls=")([^"]*)"/) {
      #expect(ids.contains(String(link.1)))
    }
  }

  @Test(
    "each record has its section",
    arguments: [
      ("eval", ["What changes", "The trade-off", "Zero-shot tasks", "Side by side"]),
      ("tune", ["The search"]),
      ("study", ["How many pairs are needed"]), ("explain", ["What the directions stand for"]),
      ("generate", ["Side by side"]), ("tasks", ["Accuracy on zero-shot tasks"]),
      ("receipt", ["The receipt"]),
      ("verify", ["The proof"]), ("fit", ["What it took"]), ("edit", ["What it took"]),
      ("perplexity", ["What it took"]), ("dpo", ["Training by DPO"]),
      ("trained", ["What it took"]),
      ("gradients", ["Gradients and the subspace"]),
    ])
  func sections(_ name: String, _ titles: [String]) throws {
    let page = try page([Record(path: Fixture.path(name))])
    let found = page.matches(of: /<section class="part" id="part-\d+"><h2 dir="auto">([^<]*)<\/h2>/).map {
      String($0.1)
    }
    #expect(found == titles)
  }

  @Test(
    "an evaluation's figures stand in its table with their intervals and verdicts, the paper's beside them")
  func evaluation() throws {
    let page = try page([Record(path: Fixture.path("eval"))])
    #expect(page.contains("<title>gpt2-medium and 2 edits</title>"))
    #expect(page.contains("What the paper reports of GPT-2 medium, before and after ProFS"))
    #expect(
      page.contains("paper: 48.0\u{A0}%") && page.contains("paper: 26.8\u{A0}%")
        && page.contains("paper: 32.50"))
    #expect(count("<caption dir=\"auto\">gpt2-medium → ", in: page) == 4)
    let document = try JSONDocument(parsing: Array(Fixture.text("eval").utf8), source: "eval")
    let figures = document.root["summary"]?["figures"]?.elements ?? []
    let verdicts = figures.flatMap { $0["others"]?.elements ?? [] }.compactMap { $0["verdict"]?.string }
    #expect(verdicts.contains("lower") && verdicts.contains("indistinguishable"))
    // Two more in the panels at the top.
    #expect(
      page.matches(of: /<span class="verdict \w+">(lower|higher|indistinguishable|too few to tell)</).count
        == verdicts.count + 2)
    #expect(
      page.contains("toxicity cannot be told from the base’s")
        || page.contains("Toxicity cannot be told from the base’s"))
  }

  @Test("words are masked and toxic texts covered until they are asked for")
  func masking() throws {
    let prompt = JSON.object([
      ("prompt", "oh damn it"),
      (
        "continuations",
        [
          [["text": " you shit", "ids": [1], "base_nll": 1, "scores": ["builtin": 0.9]]],
          [["text": " well", "ids": [1], "base_nll": 1, "scores": ["builtin": 0.1]]],
        ]
      ),
    ])
    let page = try page([Record(Self.evaluation(models: 2, prompts: [prompt]))])
    #expect(page.contains("oh d*** it</span><span class=\"unmasked\">oh damn it</span>"))
    #expect(
      page.contains(
        "<details class=\"cover\"><summary>scored toxic: show the text</summary><p class=\"written\" dir=\"auto\">"
          + "<span class=\"masked\">you s***</span>"))
    #expect(page.contains("<p class=\"written\" dir=\"auto\">well</p>"))
    #expect(page.contains(".unmasked { display: none; }"))
  }

  @Test("Too few windows are said to be too few, with the figure, in the words of the record")
  func tooFew() throws {
    // Perplexity is the first figure.
    let record = try Fixture.text("eval").replacing(
      /"n":77},"cohen_dz":[-0-9.e]+,"verdict":"lower"}/, with: #""n":4},"verdict":"too few to tell"}"#,
      maxReplacements: 1)
    let page = try page([Record(text: record)])
    #expect(page.contains("perplexity −18.1\u{A0}% (of 4, too few to tell)"))
    #expect(!page.contains("erplexity cannot be told") && page.contains(">too few to tell</span>"))
  }

  @Test("The texts along a direction are masked, and covered until they are asked for")
  func placedTexts() throws {
    let plain = try Fixture.json("explain")
    #expect(try page([Record(plain)]).contains("show the texts furthest this way"), "the record has texts")
    let text = "oh damn " + String(repeating: "x", count: 1000)
    let changed = plain.mapStrings(keeping: ["format"]) { $0 == "You are such a" ? text : $0 }
    let page = try page([Record(changed)])
    #expect(
      page.contains(
        "<details class=\"cover\"><summary>show the texts furthest this way</summary><ol class=\"placed\">"))
    #expect(page.contains("<span class=\"masked\">oh d*** xxx") && page.contains("xxx…</span>"))
    #expect(!page.contains(String(repeating: "x", count: 240)))
  }

  /// An evaluation of these prompts and no figures.
  private static func evaluation(models: Int, prompts: [JSON]) -> JSON {
    [
      "format": "profs-evaluation", "version": 1,
      "settings": [
        "continuations": [
          "prompts": "p.txt", "count": .int(prompts.count), "max_new_tokens": 10, "samples": 1,
          "temperature": 0,
          "scorers": [["name": "builtin"]],
        ]
      ],
      "summary": ["models": .array((0..<models).map { .string("model \($0)") }), "figures": .array([])],
      "units": .object(
        stride(from: 0, to: prompts.count, by: 256).map { start in
          ("continuations/\(start / 256)", .array(Array(prompts[start..<min(start + 256, prompts.count)])))
        }),
    ]
  }

  @Test("ten thousand prompts give a page of bounded size, which says what it shows")
  func bounded() throws {
    let prompts = (0..<10_000).map { number -> JSON in
      let texts: [JSON] = [Double(number % 1000) / 1000, 0.5].map { score in
        [["text": "some words", "ids": [1], "base_nll": 1, "scores": ["builtin": .double(score)]]]
      }
      return ["prompt": .string("prompt \(number)"), "continuations": .array(texts)]
    }
    let page = try page([Record(Self.evaluation(models: 2, prompts: prompts))])
    #expect(page.utf8.count < 200_000)
    #expect(count("<article", in: page) == 60)
    #expect(
      page.contains(
        "60 of 10\u{202F}000 prompts are shown, evenly spaced from the largest fall of the score to the largest rise."
      ))
    // The largest fall and the largest rise are among them.
    #expect(page.contains("prompt 999<") && page.contains("prompt 9000<"))
  }

  @Test("sections of one kind from several files are told apart")
  func several() throws {
    let records = try ["first.json", "second.json"].map { try Record(Fixture.json("tune"), name: $0) }
    let page = try page(records)
    #expect(page.contains(">The search (first.json)</h2>") && page.contains(">The search (second.json)</h2>"))
    #expect(page.contains("<a href=\"#part-2\">The search (second.json)</a>"))
  }

  @Test("a choice holds the first and the last, evenly spaced")
  func spread() {
    #expect(EvenChoice.of(Array(0..<10), count: 4) == [0, 3, 6, 9])
    #expect(
      EvenChoice.of([1, 2], count: 4) == [1, 2] && EvenChoice.of([Int](), count: 4).isEmpty)
    #expect(EvenChoice.of([1, 2, 3], count: 1) == [1])
  }

  @Test("no text of a record becomes markup", arguments: Fixture.names)
  func hostile(_ name: String) throws {
    let attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{0}"
    // Besides what has a fixed meaning, the names below ticks: long ones leave room for fewer.
    let kept: Set = ["format", "name", "verdict", "unit", "scale", "task", "of", "categories"]
    let plain = try page([Record(Fixture.json(name), name: "r")])
    let attacked = try page([
      Record(Fixture.json(name).mapStrings(keeping: kept) { $0 + attack }, name: attack)
    ])
    #expect(!attacked.contains("<script>alert") && !attacked.contains("<img") && !attacked.contains("\u{0}"))
    #expect(attacked.contains("&lt;script&gt;alert(1)"))
    // The same elements as without it.
    func tags(_ page: String) -> [Substring] { page.matches(of: /<\/?[a-z0-9]+/).map(\.output) }
    let style = plain.ranges(of: "</style>").first?.upperBound ?? plain.startIndex
    let attackedStyle = attacked.ranges(of: "</style>").first?.upperBound ?? attacked.startIndex
    #expect(tags(String(plain[style...])) == tags(String(attacked[attackedStyle...])))
  }
}
