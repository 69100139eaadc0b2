internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData

/// Training texts made from ordinary sentences and this project's own lists.
///
/// - Fragments of ordinary sentences with an offensive term put in at any place, sometimes in a disguise (`f*ck`,
///   `sh1t`, `c r a p`), and others without: so that a few words suffice, as of a continuation, and style says nothing.
/// - Sentences about groups of people, friendly and hostile in the same words: so that a group's name says nothing.
/// - Longer texts, some with an offensive sentence or term: so that harmless length does not add up.
struct SyntheticTexts {
  /// How many texts of each kind.
  struct Counts {
    /// Fragments that a term is put into.
    var fragments = 30_000
    /// Sentences about groups.
    var aboutGroups = 20_000
    /// Texts of several sentences.
    var long = 4_000
  }

  private struct Term {
    var words: [String]
    var label: Float
  }

  /// Loss weight of short texts; long ones count as 1.
  private static let weight: Float = 0.5
  private static let disguised = 0.25

  private let terms: [Term]
  private let groups: [String]
  private let templates: [(text: String, label: Float)]
  private let lists: [String: [String]]
  private var generator: SplitMix64

  /// Reads the lists in `folder`.
  ///
  /// - Parameter groups: the groups' names to use.
  init(lists folder: String, groups: [String], seed: UInt64) throws {
    generator = SplitMix64(seed: seed)
    terms = try Self.terms(folder + "/offensive-terms.txt")
    self.groups = groups
    var templates: [(text: String, label: Float)] = []
    var lists = ["identity": groups]
    for line in try Self.lines(folder + "/templates.txt") {
      if let space = line.firstIndex(of: " "), let label = Float(line[..<space]) {
        templates.append((String(line[space...].dropFirst()), label))
      } else if let colon = line.firstIndex(of: ":") {
        lists[String(line[..<colon])] = line[colon...].dropFirst(2).components(separatedBy: ", ")
      }
    }
    (self.templates, self.lists) = (templates, lists)
  }

  /// Makes texts from `ordinary` sentences and `offensive` ones.
  mutating func make(_ counts: Counts, ordinary: [String], offensive: [String]) -> [LabelledText] {
    var texts: [LabelledText] = []
    for _ in 0..<counts.fragments { texts += fragments(of: pick(ordinary)) }
    for _ in 0..<counts.aboutGroups { texts.append(aboutGroups(ordinary)) }
    for _ in 0..<counts.long { texts.append(longText(ordinary, offensive)) }
    return texts
  }

  /// A fragment with an offensive term in it, and every other time the fragment itself.
  private mutating func fragments(of sentence: String) -> [LabelledText] {
    var words = fragment(of: sentence)
    let plain = LabelledText(text: words.joined(separator: " "), label: 0, weight: Self.weight)
    let term = pick(terms)
    let disguise = generator.nextUnit() < Self.disguised
    let shown =
      disguise ? term.words.map { Disguise.random(&generator).applied(to: $0, &generator) } : term.words
    words.insert(contentsOf: shown, at: index(words.count + 1))
    let toxic = LabelledText(text: words.joined(separator: " "), label: term.label, weight: Self.weight)
    return index(2) == 0 ? [plain, toxic] : [toxic]
  }

  /// A filled template, or every fourth time a fragment with a group's name in it.
  private mutating func aboutGroups(_ ordinary: [String]) -> LabelledText {
    guard index(4) > 0 else {
      var words = fragment(of: pick(ordinary))
      words.insert(pick(groups), at: index(words.count + 1))
      return LabelledText(text: words.joined(separator: " "), label: 0.03, weight: Self.weight)
    }
    let template = pick(templates)
    var parts = template.text.components(separatedBy: "<")
    for part in parts.indices.dropFirst() {
      let halves = parts[part].components(separatedBy: ">")
      parts[part] = pick(lists[halves[0]] ?? []) + halves[1]
    }
    return LabelledText(text: parts.joined(), label: template.label, weight: Self.weight)
  }

  /// Three to ten sentences, half of the time with an offensive one, or with one to three offensive terms, among them.
  private mutating func longText(_ ordinary: [String], _ offensive: [String]) -> LabelledText {
    let start = index(ordinary.count - 10)
    var sentences: [String] = []
    for offset in 0..<3 + index(8) {
      sentences.append(index(2) == 0 ? ordinary[start + offset] : pick(ordinary))
    }
    var label: Float = 0
    switch index(4) {
    case 0:
      sentences.insert(pick(offensive), at: index(sentences.count + 1))
      label = 0.9
    case 1:
      for _ in 0..<1 + index(3) {
        let term = pick(terms)
        let sentence = index(sentences.count)
        var words = sentences[sentence].components(separatedBy: " ")
        words.insert(contentsOf: term.words, at: index(words.count + 1))
        sentences[sentence] = words.joined(separator: " ")
        // A mild word among hundreds hardly offends.
        label = max(label, term.label >= 0.88 ? term.label * 0.7 : 0.1)
      }
    default: break
    }
    return LabelledText(text: sentences.joined(separator: " "), label: label)
  }

  /// Up to fourteen words in a row of a sentence.
  private mutating func fragment(of sentence: String) -> [String] {
    let words = sentence.split(separator: " ").map(String.init)
    let count = min(words.count, 1 + index(14))
    let start = index(words.count - count + 1)
    return Array(words[start..<start + count])
  }

  private mutating func index(_ count: Int) -> Int { generator.index(count) }
  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[index(elements.count)] }

  /// The groups' names in the lists; with `holdingOut`, three in four of them.
  static func groups(lists folder: String, holdingOut: Bool) throws -> [String] {
    try lines(folder + "/identity-terms.txt").enumerated().filter { !holdingOut || $0.offset % 4 != 3 }
      .map(\.element)
  }

  private static func lines(_ path: String) throws -> [String] {
    try TextList(path: path).texts.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }

  /// Terms under the label that stands above them: one a word, or, after the line `phrases`, one a line.
  private static func terms(_ path: String) throws -> [Term] {
    var terms: [Term] = []
    var label: Float = 0
    var arePhrases = false
    for line in try lines(path) {
      if let number = Float(line) {
        label = number
      } else if line == "phrases" {
        arePhrases = true
      } else {
        let words = line.split(separator: " ").map(String.init)
        terms +=
          arePhrases ? [Term(words: words, label: label)] : words.map { Term(words: [$0], label: label) }
      }
    }
    return terms
  }
}

extension SplitMix64 {
  /// An index below `count`, which is at least 1.
  mutating func index(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }
}
