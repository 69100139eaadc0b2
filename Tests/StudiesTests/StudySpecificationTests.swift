import Storage
import Editing
import Studies
import Testing

/// What a study's specification may say, and what is said of one that is wrong.
@Suite struct StudySpecificationTests {
  private static func read(_ text: String, overrides: String? = nil) throws -> StudySpecification {
    func field(_ text: String, _ name: String) throws -> SpecificationField {
      SpecificationField(JSON(try JSONDocument(parsing: text, source: name).root), source: name)
    }
    return try StudySpecification(
      field(text, "spec.json"), overrides: overrides.map { try field($0, "--set") })
  }

  private static func sweep(_ x: String, _ rest: String = "") -> String {
    "{\"title\": \"t\", \"about\": \"model\", \"sweeps\": [{\"title\": \"s\", \"measures\": [\"perplexity\"], \"x\": \(x)\(rest)}]}"
  }

  private static func categories(_ list: String) -> String {
    sweep("{\"vary\": \"rank\", \"values\": [1]}").replacing(
      "\"about\": \"model\"", with: "\"about\": \"model\", \"prompts\": \(list)")
  }

  private static func settings(_ specification: StudySpecification) -> [[EditSettings]] {
    guard case .model(let sweeps) = specification.content else { return [] }
    return sweeps[0].settings
  }

  @Test(
    "what is wrong is said with its place, what was expected and what was found",
    arguments: [
      ("[]", "at the top: expected an object, found []"),
      ("{\"title\": \"t\"}", "expected an object with \"title\", \"about\" and \"sweeps\""),
      (
        "{\"title\": \"t\", \"about\": \"x\", \"sweeps\": [{}]}",
        "at about: expected model or factor-model, found \"x\""
      ),
      (
        "{\"title\": \"t\", \"about\": \"model\", \"sweeps\": []}",
        "at sweeps: expected an array of at least one element"
      ),
      ("{\"titel\": \"t\"}", "at titel: there is no such member; expected title, about"),
      (
        sweep("{\"vary\": \"pears\", \"values\": [1]}"), "at sweeps[0].x.vary: expected method, recipe, pairs"
      ),
      (
        sweep("{\"vary\": \"pairs\", \"values\": [5, 0]}"),
        "at sweeps[0].x.values[1].pairs: expected a whole number from 1 to"
      ),
      (sweep("{\"vary\": \"flipped\", \"values\": [1.5]}"), "expected a number from 0.0 to 1.0, found 1.5"),
      (
        sweep("{\"vary\": \"recipe\", \"values\": [\"detox\"]}"),
        "expected paper, protected, detox-edit, oblique, natural, found \"detox\""
      ),
      (sweep("{\"vary\": \"blocks\", \"values\": [\"9-3\"]}"), "expected blocks such as 13-30"),
      (
        sweep("{\"vary\": \"cases\", \"values\": [{\"name\": \"a\", \"set\": {\"ranks\": 2}}]}"),
        "at sweeps[0].x.values[0].set.ranks: there is no such"
      ),
      (sweep("{\"vary\": \"flipped\", \"values\": [0, 0.1], \"scale\": \"logarithmic\"}"), "numbers above 0"),
      (
        sweep(
          "{\"vary\": \"rank\", \"values\": [1]}",
          ", \"references\": [{\"measure\": \"perplexity\", \"name\": \"p\", \"points\": [[1]]}]"),
        "expected two numbers, x and y, found [1]"
      ),
      (
        sweep("{\"vary\": \"rank\", \"values\": [1]}").replacing("perplexity", with: "beauty"),
        "at sweeps[0].measures[0]: expected toxicity"
      ),
      (
        sweep("{\"vary\": \"rank\", \"values\": [1]}").replacing("perplexity", with: "toxicity_by_category"),
        "at sweeps: toxicity_by_category needs \"prompts\""
      ),
      (
        categories("[{\"name\": \"a\", \"file\": \"a.txt\"}, {\"name\": \"a\", \"file\": \"b.txt\"}]"),
        "at prompts[1]: expected another name"
      ),
      (
        categories("[{\"name\": \"a\", \"file\": \"../a.txt\"}]"),
        "at prompts[0].file: expected the name of a file in the folder of --prompts"
      ),
      (categories("[{\"name\": \"a\"}]"), "at prompts[0]: expected an object with \"name\" and \"file\""),
      (
        "{\"title\": \"t\", \"about\": \"factor-model\", \"prompts\": [{\"name\": \"a\", \"file\": \"a\"}], \"sweeps\": [{}]}",
        "at prompts: expected no prompts"
      ),
    ])
  func refused(_ text: String, _ sentence: String) {
    let error = #expect(throws: StudyError.self) { try Self.read(text) }
    #expect(error?.description.hasPrefix("spec.json: ") == true)
    #expect(error?.description.contains(sentence) == true, "\(String(describing: error))")
  }

  @Test("what is varied wins over what is fixed, and that over nothing; overrides change what is fixed")
  func order() throws {
    let text = Self.sweep(
      "{\"vary\": \"rank\", \"values\": [1, 4]}",
      ", \"fixed\": {\"rank\": 9, \"pairs\": 20}, \"series\": {\"vary\": \"centring\", \"values\": [true, false]}"
    )
    let settings = Self.settings(try Self.read(text, overrides: "{\"pairs\": 7, \"rank\": 3}"))
    #expect(settings.map { $0.map(\.rank) } == [[1, 4], [1, 4]])
    #expect(settings.map { $0.map(\.centring) } == [[true, true], [false, false]])
    #expect(settings.allSatisfy { $0.allSatisfy { $0.pairs == 7 } })
  }

  @Test("ranges of blocks are the model's own, or in the proportions of the paper's")
  func blocks() {
    #expect(BlockShare("15-24/24")?.range(of: 24) == 15...24)
    #expect(BlockShare("15-24/24")?.range(of: 30) == 18...30)
    #expect(BlockShare("1-10/24")?.range(of: 2) == 1...1)
    #expect(BlockShare("13-30")?.range(of: 30) == 13...30)
    #expect(BlockShare("13-30")?.range(of: 24) == nil)
    #expect(BlockShare("15/24")?.range(of: 30) == 18...18 && BlockShare("3")?.range(of: 24) == 3...3)
    for wrong in ["", "3-", "0", "0-2", "4-3", "1-2-3", "1-9/8", "1-2/", "a-b", "1-2/3/4"] {
      #expect(BlockShare(wrong) == nil)
    }
  }

  @Test("every study of the program can be read, and fits models of other sizes than the paper's")
  func shipped() throws {
    let names = try ShippedStudies.names
    #expect(names.count == 11 && names.contains("theory") && names.contains("main-table"))
    #expect(try ShippedStudies.field("another") == nil)
    for name in names {
      let specification = try StudySpecification(try #require(try ShippedStudies.field(name)))
      guard case .model(let sweeps) = specification.content else { continue }
      for (blocks, hidden) in [(24, 1024), (30, 576), (18, 640), (2, 36)] {
        let plan = StudyPlan(
          sweeps, subsets: specification.subsets, blocks: blocks, hidden: hidden, pairs: 2500)
        #expect(plan.pointCount > 0)
        #expect(hidden == 36 || plan.notes.isEmpty, "\(name): \(plan.notes)")
      }
    }
  }

  @Test(
    "points that the pairs do not allow are left out and named, fixed numbers are cut, and equal points count once"
  )
  func plan() throws {
    func plan(_ text: String) throws -> StudyPlan {
      guard case .model(let sweeps) = try Self.read(text).content else {
        return StudyPlan([], subsets: 1, blocks: 1, hidden: 1, pairs: 1)
      }
      return StudyPlan(sweeps, subsets: 3, blocks: 12, hidden: 64, pairs: 40)
    }
    let sizes = try plan(Self.sweep("{\"vary\": \"pairs\", \"values\": [10, 40, 41]}"))
    // Three subsets of ten, and one of all.
    #expect(sizes.pointCount == 4 && sizes.notes == ["left out: 41 pairs: there are 40"])
    let ranks = try plan(
      Self.sweep("{\"vary\": \"rank\", \"values\": [2, 30]}", ", \"fixed\": {\"pairs\": 20}"))
    #expect(ranks.pointCount == 3 && ranks.notes.count == 1 && ranks.notes[0].contains("rank 30"))
    let fixed = try plan(Self.sweep("{\"vary\": \"rank\", \"values\": [2]}", ", \"fixed\": {\"pairs\": 500}"))
    #expect(fixed.pointCount == 1 && fixed.notes == ["40 pairs in place of 500: there are no more"])
    // A gradient has a row for each token, so that its rank is not bound by the pairs.
    let natural = try plan(
      Self.sweep(
        "{\"vary\": \"rank\", \"values\": [2, 30, 64]}",
        ", \"fixed\": {\"pairs\": 20, \"recipe\": \"natural\"}"))
    #expect(natural.pointCount == 6 && natural.notes.count == 1 && natural.notes[0].contains("rank 64"))
    // Training does not depend on the rank.
    let dpo = try plan(
      Self.sweep("{\"vary\": \"rank\", \"values\": [2, 4]}", ", \"fixed\": {\"method\": \"dpo\"}"))
    #expect(dpo.pointCount == 3)
  }

  @Test("a subset's smaller sample is part of its larger one, and what is kept is in neither")
  func samples() {
    func sample(_ pairs: Int, _ flipped: Double, _ subset: Int) -> (
      used: [Int], flipped: Set<Int>, kept: [Int]
    ) {
      var settings = EditSettings()
      (settings.pairs, settings.flipped, settings.validation) = (pairs, flipped, 10)
      let (used, kept) = StudyPoint(settings, subset: subset).sample(of: 50, seed: 5)
      return (used.pairs, used.flipped, kept)
    }
    let (small, large) = (sample(20, 0.1, 0), sample(45, 0.5, 0))
    #expect(large.used.starts(with: small.used) && Set(large.used).count == 45)
    #expect(large.kept.count == 5 && Set(large.kept).isDisjoint(with: large.used))
    #expect(small.kept.count == 10 && small.flipped.count == 2 && large.flipped.count == 23)
    #expect(sample(20, 0.3, 0).flipped.isSuperset(of: small.flipped))
    #expect(sample(20, 0.1, 1).used != small.used)
  }
}
