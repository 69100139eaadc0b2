internal import Evaluation
internal import Storage

extension EditStudy {
  /// Points that are measured together.
  struct Unit {
    /// Its name in the log.
    var name: String
    /// The points.
    var points: [StudyPoint]
    /// What is measured of them.
    var kind = Kind.models
  }

  /// What is measured of points.
  enum Kind: Hashable {
    /// Their models.
    case models
    /// The time and memory that the fit, or the training, takes.
    case cost
    /// The tokens that their directions raise.
    case tokens
    /// Tokens drawn at random, for comparison with those.
    case vocabulary

    /// Whether the record begins with what there is without any edit.
    var hasBase: Bool { self == .models || self == .vocabulary }
  }

  /// The parts of the work.
  ///
  /// The base is measured with each, so a study of nothing else has one of no points.
  func units(_ plan: StudyPlan) -> [Unit] {
    func name(_ kind: String, _ points: some Sequence<StudyPoint>) -> String {
      "\(kind)/" + Fingerprint.texts(points.map { $0.json.serialized() })
    }
    let variants = plan.measured.filter { $0.settings.method == .profs && $0.settings.weights == .values }
    let others = plan.measured.filter {
      $0.settings.method == .dpo || $0.settings.method == .profs && $0.settings.weights == .keys
    }
    func portions(_ kind: String, _ points: [StudyPoint], _ what: Kind) -> [Unit] {
      stride(from: 0, to: points.count, by: Self.pointsPerPass).map {
        let some = Array(points[$0..<min($0 + Self.pointsPerPass, points.count)])
        return Unit(name: name(kind, some), points: some, kind: what)
      }
    }
    var units = portions("edits", variants, .models)
    units += others.map { Unit(name: name("model", [$0]), points: [$0]) }
    if units.isEmpty, plan.measuresBase { units = [Unit(name: name("base", []), points: [])] }
    // Memory that training leaves to the allocator must not count against a fit.
    let costs =
      plan.costed.filter { $0.settings.method == .profs } + plan.costed.filter { $0.settings.method == .dpo }
    return costs.map { Unit(name: name("cost", [$0]), points: [$0], kind: .cost) }
      + (plan.read.isEmpty ? [] : [Unit(name: "vocabulary", points: [], kind: .vocabulary)])
      + portions("tokens", plan.read, .tokens) + units
  }

  /// `points`, each once, in their order.
  static func distinct(_ points: [StudyPoint]) -> [StudyPoint] {
    var seen: Set<StudyPoint> = []
    return points.filter { seen.insert($0).inserted }
  }
}
