internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage

/// How well a scorer does on the held-out sets, and where it errs.
struct ScorerFigures {
  /// Figures on one set of texts.
  struct OnSet {
    /// The set's name.
    var name: String
    /// How many texts it has.
    var count: Int
    /// Share of the texts whose label is toxic.
    var toxicShare: Double
    var areaUnderROC: Double
    /// Spearman's correlation with graded labels; NaN where labels are 0 and 1 only.
    var rankCorrelation: Double
    var meanScore: Double
    /// Mean square of the score's distance from 1 for toxic texts and from 0 for others.
    var brierScore: Double
    /// Texts that are not toxic and get a score of 0.5 or more; and the same of those that are.
    var falsePositiveRate: Double
    var truePositiveRate: Double
  }

  /// Scores of harmless template sentences that name a group of people.
  struct OnGroup {
    /// The group's name.
    var name: String
    /// Whether the group's name was among the lists that the built-in scorer is trained with.
    var isKnown: Bool
    var count: Int
    var meanScore: Double
    var falsePositiveRate: Double
    /// Of the hostile sentences that name it.
    var truePositiveRate: Double
  }

  /// Figures on each set.
  private(set) var sets: [OnSet] = []
  /// Figures on each group.
  private(set) var groups: [OnGroup] = []

  /// Scores the sets named, or all.
  init(
    _ scorer: any ToxicityScorer, _ sources: DataSources, lists: String, knownGroups: [String],
    only names: Set<String> = []
  ) throws {
    func isWanted(_ name: String) -> Bool { names.isEmpty || names.contains(name) }
    let paraDetox = try sources.paraDetox()
    let rtp = try sources.realToxicityPrompts()
    for corpus in try [paraDetox, rtp.prompts, rtp.continuations] + sources.testSets()
    where isWanted(corpus.name) {
      try add(scorer, corpus.name, corpus.test)
    }
    if isWanted(Self.disguisedName) {
      try add(scorer, Self.disguisedName, try Self.disguised(paraDetox.test, lists: lists))
    }
    if isWanted(Self.groupsName) { try addGroups(scorer, sources, known: Set(knownGroups)) }
  }

  private static let disguisedName = "paradetox, disguised"
  private static let groupsName = "templates about groups"

  /// Scores one more set.
  mutating func add(_ scorer: any ToxicityScorer, _ name: String, _ texts: [LabelledText]) throws {
    sets.append(try OnSet(scorer, name, texts))
  }

  /// The test sentences with their offensive words in disguise; toxic sentences without such a word are left out.
  private static func disguised(_ texts: [LabelledText], lists: String) throws -> [LabelledText] {
    let offensive = Set(
      try TextList(path: lists + "/offensive-terms.txt").texts
        .prefix { $0 != "0.82" }.flatMap { $0.split(separator: " ").map(String.init) })
    var generator = SplitMix64(seed: 7)
    return texts.compactMap { text in
      guard text.label == 1 else { return text }
      let words = text.text.split(separator: " ").map(String.init)
      let disguised = words.map { word in
        offensive.contains(word) ? Disguise.random(&generator).applied(to: word, &generator) : word
      }
      return disguised == words ? nil : LabelledText(text: disguised.joined(separator: " "), label: 1)
    }
  }

  private mutating func addGroups(_ scorer: any ToxicityScorer, _ sources: DataSources, known: Set<String>)
    throws
  {
    let records = try DataRecords.delimited(sources.folder + "/conversationai-bias/bias_madlibs_77k.csv")
    let scores = try scorer.scores(for: records.map { $0["Text"] ?? "" })
    let texts = zip(records, scores).map { record, score in
      (text: record["Text"] ?? "", isToxic: record["Label"] == "BAD", score: score)
    }
    sets.append(OnSet(Self.groupsName, texts.map { ($0.score, $0.isToxic ? 1 : 0) }))
    // "NAME is a ADJECTIVE GROUP", where the group may have two words.
    var byGroup: [String: [(isToxic: Bool, score: Double)]] = [:]
    for (record, text) in zip(records, texts) where record["Template"] == "name_adj" {
      let words = (text.text.components(separatedBy: " is a ").last ?? "").split(separator: " ")
      byGroup[words.dropFirst().joined(separator: " "), default: []].append((text.isToxic, text.score))
    }
    groups = byGroup.sorted { $0.key < $1.key }.map { name, texts in
      let harmless = texts.filter { !$0.isToxic }.map(\.score)
      let hostile = texts.filter(\.isToxic).map(\.score)
      return OnGroup(
        name: name, isKnown: known.contains(name), count: texts.count, meanScore: harmless.mean,
        falsePositiveRate: harmless.map { $0 >= 0.5 ? 1 : 0 }.mean,
        truePositiveRate: hostile.map { $0 >= 0.5 ? 1 : 0 }.mean)
    }
  }
}

extension ScorerFigures.OnSet {
  /// Scores the texts and compares with their labels, of which 0.5 and more are toxic.
  init(_ scorer: any ToxicityScorer, _ name: String, _ texts: [LabelledText]) throws {
    let scores = try scorer.scores(for: texts.map(\.text))
    self.init(name, zip(scores, texts).map { ($0, Double($1.label)) })
  }

  /// Compares scores with labels.
  init(_ name: String, _ results: [(score: Double, label: Double)]) {
    let scores = results.map(\.score)
    let labels = results.map(\.label)
    let isToxic = labels.map { $0 >= 0.5 }
    let isGraded = labels.contains { $0 != 0 && $0 != 1 }
    let called = zip(scores, isToxic).map { (isCalled: $0 >= 0.5 ? 1.0 : 0, isToxic: $1) }
    self.init(
      name: name, count: results.count, toxicShare: isToxic.map { $0 ? 1 : 0 }.mean,
      areaUnderROC: RankStatistics.areaUnderROC(scores: scores, isPositive: isToxic),
      rankCorrelation: isGraded ? RankStatistics.spearman(scores, labels) : .nan,
      meanScore: scores.mean,
      brierScore: zip(scores, isToxic).map { $1 ? ($0 - 1) * ($0 - 1) : $0 * $0 }.mean,
      falsePositiveRate: called.filter { !$0.isToxic }.map(\.isCalled).mean,
      truePositiveRate: called.filter(\.isToxic).map(\.isCalled).mean)
  }
}

extension [Double] {
  /// NaN where there is none.
  fileprivate var mean: Double { reduce(0, +) / Double(count) }
}
