import Reporting
import Storage
import Testing

/// Which files are records, and what is said of those that are none or are damaged.
@Suite struct RecordTests {
  @Test("every record is known by what is in it, whatever its file is called", arguments: Fixture.names)
  func recognised(_ name: String) throws {
    let record = try Record(text: Fixture.text(name), name: "some file")
    #expect(try page([record]).contains("from some file."))
  }

  @Test("an edit from a subspace file says how long it took in all")
  func applied() throws {
    let record = try Record(
      text: "{\"out\": \"d\", \"changed\": [{}, {}], \"unchanged\": 26, \"seconds\": 61.4}")
    let page = try page([record])
    #expect(
      page.contains("Edit from a subspace file (record.json)") && page.contains("1\u{A0}min\u{A0}1\u{A0}s"))
    #expect(page.contains("<dt>matrices edited</dt><dd dir=\"auto\">2</dd>"))
  }

  @Test(
    "what is no record is refused by a sentence that says what is",
    arguments: [
      ("[1, 2]", "expected an object, found an array"), ("{}", "holds no record that a report can show"),
      ("{\"format\": \"profs-subspace\"}", "of the format \"profs-subspace\", which a report does not show"),
      ("{\"format\": 7}", "of the format \"a number\""),
      (
        "{\"format\": \"profs-evaluation\", \"version\": 2}",
        "version 2 of profs-evaluation, this profs reads version 1"
      ),
      ("{\"format\": \"profs-evaluation\", \"version\": 1, \"units\": {}}", "the evaluation is not finished"),
      ("{\"format\": \"profs-tuning\", \"version\": 1, \"units\": {}}", "the search is not finished"),
      ("{\"format\": \"profs-study\", \"version\": 1}", "the study is not finished"),
      ("{\"blocks\": [{\"directions\": []}]}", "an object with \"block\""),
      (
        "{\"perplexity\": \"low\", \"nll\": 1, \"tokens\": 2}",
        "at perplexity: expected a number, found a string; the file is damaged"
      ),
      ("{\"perplexity\": 1e300, \"nll\": 1, \"tokens\": 2}", "expected a number, found the number 1e300"),
      (
        "{\"tasks\": [{\"task\": \"boolq\", \"items\": -1}], \"seconds\": 1}",
        "at tasks[0].items: expected a whole number, 0 or more, found the number -1"
      ),
    ])
  func refused(_ text: String, _ sentence: String) throws {
    let error = #expect(throws: RecordError.self) { try Record(text: text, name: "x.json") }
    #expect(error?.description.hasPrefix("x.json: ") == true)
    #expect(error?.description.contains(sentence) == true, "\(String(describing: error))")
  }

  @Test("a file that ends early is refused wherever it ends", arguments: Fixture.names)
  func truncated(_ name: String) throws {
    let text = Array(try Fixture.text(name).utf8)
    let whole = text.lastIndex(of: UInt8(ascii: "}")) ?? 0
    for end in stride(from: 0, to: whole, by: max(1, whole / 200)) {
      #expect(throws: (any Error).self) {
        try Record(JSONDocument(parsing: Array(text[..<end]), source: name).root, name: name)
      }
    }
  }

  @Test(
    "a record with any one value exchanged is shown or refused, and never ends the process",
    arguments: Fixture.names)
  func exchanged(_ name: String) throws {
    let whole = try Fixture.json(name)
    let others: [JSON] = ["x", .null, -1, .array([]), 1e300, .object([]), 0, true, .array([-5, 1e15])]
    var (shown, refused) = (0, 0)
    for (step, number) in stride(from: 0, to: whole.size, by: max(1, whole.size / 150)).enumerated() {
      do {
        _ = try page([Record(whole.replacing(number, with: others[step % others.count]))])
        shown += 1
      } catch {
        #expect(error is RecordError, "\(error)")
        refused += 1
      }
    }
    #expect(refused > 0, "\(shown) shown")
  }

  @Test("what a report cannot show for its size is refused, not drawn")
  func tooLarge() throws {
    let points = JSON.array((0..<501).map { ["x": .int($0 + 1), "y": 1] })
    let figure: JSON = [
      "title": "t", "x": ["label": "x"], "y": ["label": "y"], "series": [["name": "s", "points": points]],
    ]
    let study: JSON = [
      "format": "profs-study", "version": 1, "summary": ["title": "t", "figures": [figure]],
    ]
    let error = #expect(throws: RecordError.self) { try Record(study) }
    #expect(error?.reason.contains("501 elements are more than a report can show, 500") == true)
  }

  @Test(
    "a study's tokens are shown masked, those of every subset marked, and standard deviations with the numbers"
  )
  func studyTokens() throws {
    let point: JSON = ["x": 5, "y": 0.25, "lower": 0.2, "upper": 0.3, "sd": 0.0123]
    let plot: JSON = [
      "title": "p", "x": ["label": "pairs"], "y": ["label": "toxicity", "unit": "percent"],
      "series": [["name": "s", "points": [point]]],
    ]
    let token: JSON = ["token": " <b>damn", "common": true]
    let table: JSON = [
      "title": "t",
      "rows": [
        ["name": "paper, 21/24", "block": 26, "directions": [[token, ["token": "a"]], [["token": "c"]]]]
      ],
    ]
    let study: JSON = [
      "format": "profs-study", "version": 1, "summary": ["title": "t", "figures": [plot, table]],
    ]
    let page = try page([Record(study)])
    for text in [
      "25.0\u{A0}% ± 1.2\u{A0}%", "[20.0\u{A0}%, 30.0\u{A0}%]", "rowspan=\"2\"", "paper, 21/24",
      "<td rowspan=\"2\">26</td>", "is-common", "▁&lt;b&gt;", "standard deviation: 1.2",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("<b>"))
    let wrong: JSON = [
      "format": "profs-study", "version": 1,
      "summary": [
        "title": "t", "figures": [["title": "t", "rows": [["name": "a", "block": 1, "directions": 3]]]],
      ],
    ]
    let error = #expect(throws: RecordError.self) { try Record(wrong) }
    #expect(error?.reason.contains("at summary.figures[0].rows[0].directions: expected an array") == true)
  }

  @Test("a study's points must fit its axes")
  func studyPoints() throws {
    let text = try Fixture.text("study")
    for (old, new, sentence) in [
      ("{\"x\": 5, \"y\": 0.31", "{\"x\": 0, \"y\": 0.31", "expected a number above 0"),
      ("{\"x\": 4, \"y\": 31.9}", "{\"x\": 5, \"y\": 31.9}", "expected the index of a category"),
      ("\"logarithmic\"", "\"cubic\"", "expected linear or logarithmic"),
      ("\"percent\"", "\"metres\"", "expected plain, percent or change"),
    ] {
      #expect(text.contains(old))
      let error = #expect(throws: RecordError.self) { try Record(text: text.replacing(old, with: new)) }
      #expect(error?.reason.contains(sentence) == true)
    }
  }
}
