internal import Editing
internal import SubspaceEditing

/// The points of a study's sweeps for a model and a number of pairs: what is impossible left out, what is the same once.
package struct StudyPlan: Sendable {
  /// One point of a sweep.
  struct Cell: Sendable {
    /// Its settings, every number filled in.
    var settings: EditSettings
    /// One for each subset; none where it is left out.
    var points: [StudyPoint]
    /// Whether the model or the pairs do not allow it.
    var isLeftOut: Bool { points.isEmpty }
  }

  /// By sweep, by series, by value of x.
  private(set) var cells: [[[Cell]]] = []
  /// Points whose model is measured, each once.
  private(set) var measured: [StudyPoint] = []
  /// Points whose fit or training is measured, each once.
  private(set) var costed: [StudyPoint] = []
  /// Points whose directions are read, each once.
  private(set) var read: [StudyPoint] = []
  /// Whether there is anything to measure of models.
  private(set) var measuresBase = false
  /// What was left out or cut, in words.
  package private(set) var notes: [String] = []

  /// Whether all of a study was left out.
  package var isEmpty: Bool {
    costed.isEmpty && read.isEmpty && !measuresBase
      || cells.allSatisfy { $0.allSatisfy { $0.allSatisfy(\.isLeftOut) } }
  }

  /// Points that are computed.
  package var pointCount: Int { Set(measured + costed + read).count }

  /// What is measured of the work, not of the model.
  static let costs = ["seconds", "peak_memory"]
  /// What is measured of the subspace, not of the model.
  static let readings = ["tokens", "token_toxicity"]

  /// - Parameters:
  ///   - blocks: the model's.
  ///   - hidden: its width.
  ///   - total: pairs there are.
  package init(
    _ sweeps: [StudySweep<EditSettings>], subsets: Int, blocks: Int, hidden: Int, pairs total: Int
  ) {
    var seen: (measured: Set<StudyPoint>, costed: Set<StudyPoint>, read: Set<StudyPoint>) = ([], [], [])
    for sweep in sweeps {
      let costs = sweep.measures.contains { Self.costs.contains($0) }
      let reads = sweep.measures.contains { Self.readings.contains($0) }
      let measures = sweep.measures.contains { !(Self.costs + Self.readings).contains($0) }
      measuresBase = measuresBase || measures
      let variesPairs = sweep.x.key == "pairs" || sweep.series?.key == "pairs"
      var rows: [[Cell]] = []
      for row in sweep.settings {
        var cells: [Cell] = []
        for settings in row {
          if let wanted = settings.pairs, wanted > total, !variesPairs, settings.method != .none {
            note("\(total) pairs in place of \(wanted): there are no more")
          }
          var settings = settings.effective
          var points: [StudyPoint] = []
          do throws(StudyError) {
            try Self.fill(&settings, blocks: blocks, hidden: hidden, pairs: total, exactly: variesPairs)
            // All pairs are one subset, but for which of them are exchanged.
            let isWhole = settings.pairs == total && settings.flipped == 0 && settings.method == .profs
            let count = settings.method == .none || isWhole ? 1 : subsets
            points = (0..<count).map { StudyPoint(settings, subset: $0) }
          } catch {
            note("left out: \(error)")
          }
          cells.append(Cell(settings: settings, points: points))
          guard settings.method != .none else { continue }
          if measures { measured += points.filter { seen.measured.insert($0).inserted } }
          if costs { costed += points.filter { seen.costed.insert($0).inserted } }
          if reads, settings.method == .profs { read += points.filter { seen.read.insert($0).inserted } }
        }
        rows.append(cells)
      }
      cells.append(rows)
    }
  }

  private mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  /// Fills in what the model and the pairs decide.
  private static func fill(
    _ settings: inout EditSettings, blocks: Int, hidden: Int, pairs total: Int, exactly: Bool
  ) throws(StudyError) {
    if let pairs = settings.pairs, pairs > total, exactly {
      throw StudyError("\(pairs) pairs", "there are \(total)")
    }
    settings.pairs = min(settings.pairs ?? total, total)
    guard settings.method == .profs else { return }
    if settings.weights == .keys, [.oblique, .natural].contains(settings.recipe) {
      throw StudyError(
        "weights keys", "recipe \(settings.recipe.rawValue) says what is written, not what is read")
    }
    let recipe = try settings.editRecipe(blocks: blocks, hidden: hidden, pairs: settings.pairs ?? total)
    settings.blocks = BlockShare("\(recipe.blocks.lowerBound)-\(recipe.blocks.upperBound)")
    settings.rank = recipe.rank.largest
    settings.protect = recipe.protectedDirections > 0 ? recipe.protectedDirections : nil
  }
}
