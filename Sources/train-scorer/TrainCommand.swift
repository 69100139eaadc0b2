internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Storage

/// `train-scorer train`: makes the weights.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Make the weights anew, with the recipe that made them.")

  @OptionGroup var data: DataOptions
  @Option(help: "Folder for scorer.safetensors and recipe.json.") var out = "Sources/CScorerWeights"
  @Option(help: "Seed of everything drawn at random.") var seed: UInt64 = 1
  @Option(help: "A corpus to leave out of training and to measure on as a whole; may be given several times.")
  var without: [String] = []
  @Flag(help: "Leave out one group's name in four, to see what that does to sentences about them.")
  var holdOutGroups = false

  func run() throws {
    let sources = DataSources(folder: data.data)
    let forbidden = ForbiddenPassages(try sources.testSets().flatMap { $0.test.map(\.text) })
    let rtp = try sources.realToxicityPrompts()
    let ordinary = try sources.ordinaryTexts()
    let paraDetox = try sources.paraDetox()
    // How much a text of each corpus counts.
    let corpora: [(DataSources.Corpus, Float)] =
      [
        (paraDetox, 1), (try sources.tweets(), 0.5), (rtp.prompts, 3), (rtp.continuations, 3),
        (ordinary[0], 0.5), (ordinary[1], 0.5), (ordinary[2], 0.3),
      ]
    var texts: [LabelledText] = []
    var recipe: [JSON] = []
    for (corpus, weight) in corpora where !without.contains(corpus.name) {
      let kept = corpus.training.filter { !forbidden.occur(in: $0.text) }
      texts += kept.map { LabelledText(text: $0.text, label: $0.label, weight: weight) }
      recipe.append([
        "name": .string(corpus.name), "licence": .string(corpus.licence), "texts": .int(kept.count),
        "left_out": .int(corpus.training.count - kept.count), "weight": .double(Double(weight)),
      ])
    }
    let counts = SyntheticTexts.Counts()
    let groups = try SyntheticTexts.groups(lists: data.lists, holdingOut: holdOutGroups)
    var synthetic = try SyntheticTexts(lists: data.lists, groups: groups, seed: seed &+ 1)
    let made = synthetic.make(
      counts,
      ordinary: (ordinary[0].training + ordinary[1].training).map(\.text)
        .filter { $0.split(separator: " ").count > 3 },
      offensive: (without.contains(paraDetox.name) ? rtp.prompts : paraDetox).training.filter {
        $0.label >= 0.9
      }
      .map(\.text))
    texts += made
    recipe.append(["name": "synthetic", "licence": "Apache-2.0", "texts": .int(made.count)])
    print("\(texts.count) texts")

    var settings = NetworkTraining.Settings()
    settings.seed = seed
    var training = NetworkTraining(texts, settings)
    let network = training.run { print("epoch \($0): loss \($1)") }

    let plain = NGramScorer(
      features: NGramFeatures(bits: settings.bits), network: network,
      calibration: LogisticCalibration(slope: 1, intercept: 0),
      identity: ScorerIdentity(kind: .builtin, name: "builtin", source: ""))
    let calibrating = rtp.prompts.calibration + rtp.continuations.calibration
    let logits = plain.scores(for: calibrating.map(\.text)).map { log($0 / (1 - $0)) }
    // As Gehman and others count: toxic is what Perspective gives 0.5 or more.
    let calibration = LogisticCalibration(logits: logits, labels: calibrating.map { $0.label >= 0.5 ? 1 : 0 })

    let path = out + "/scorer.safetensors"
    try NGramScorer.write(network, bits: settings.bits, calibration, name: "builtin", to: path)
    let scorer = try NGramScorer(path: path)
    var figures = try ScorerFigures(scorer, sources, lists: data.lists, knownGroups: groups)
    for (corpus, _) in corpora where without.contains(corpus.name) {
      try figures.add(
        scorer, "all of \(corpus.name), left out", corpus.training + corpus.calibration + corpus.test)
    }
    let document: JSON = [
      "weights_sha256": .string(scorer.identity.weightsSHA256 ?? ""), "seed": .int(Int(clamping: seed)),
      "training": .array(recipe),
      "settings": [
        "bits": .int(settings.bits), "epochs": .int(settings.epochs), "batch": .int(settings.batch),
        "learning_rate": .double(Double(settings.learningRate)), "dropout": .double(Double(settings.dropout)),
        "word_limit": .int(settings.wordLimit), "fragments": .int(counts.fragments),
        "about_groups": .int(counts.aboutGroups), "long": .int(counts.long),
      ],
      "calibration": [
        "texts": .int(calibrating.count), "slope": .double(calibration.slope),
        "intercept": .double(calibration.intercept),
      ],
      "figures": figures.json,
    ]
    try AtomicFile.write(
      Array((document.serialized(pretty: true) + "\n").utf8), to: out + "/recipe.json", replacing: true)
    print(figures.table)
  }
}
