package import Evaluation
internal import Storage

/// A study of the factor model: draws, and how well each edit's subspace recovers what was put in.
package struct FactorStudy {
  private let log: RecordLog
  private let seed: UInt64

  /// - Parameters:
  ///   - seed: equal seeds make equal draws.
  ///   - log: keeps what was found, so that a run that was stopped goes on.
  package init(seed: UInt64, log: RecordLog) {
    (self.seed, self.log) = (seed, log)
  }

  /// Draws each point of `sweeps` so often as `repeats` says.
  package func run(
    _ sweeps: [StudySweep<FactorSettings>], repeats: Int,
    progress: ((_ done: Int, _ total: Int) -> Void)? = nil
  ) throws -> [SweepResult] {
    let total = sweeps.reduce(0) { $0 + $1.settings.reduce(0) { $0 + $1.count } }
    var done = 0
    return try sweeps.map { sweep in
      SweepResult(
        cells: try sweep.settings.map { row in
          try row.map { settings in
            defer { done += 1 }
            progress?(done, total)
            return try cell(settings, repeats: repeats)
          }
        }, base: nil)
    }
  }

  private func cell(_ settings: FactorSettings, repeats: Int) throws -> SweepResult.Cell {
    let key = "recovery/" + Fingerprint.texts([settings.json.serialized(), "\(repeats)"])
    let record = try log.unit(key) {
      .array(
        try (0..<repeats).map { number in
          let draw = try FactorModel(settings, seed: seed.stream(number))
          let found = try SubspaceRecovery(
            rejected: draw.rejected, chosen: draw.chosen, basis: draw.basis, signal: draw.signal,
            centred: settings.centring)
          return [.double(found.sine), .double(found.bound)]
        })
    }
    let draws = try record.elements.map { draw in
      try log.read(draw) { $0.elements.count == 2 ? $0.elements.compactMap(\.number) : nil }
    }
    return SweepResult.Cell(
      settings: settings.json,
      repeats: draws.map { numbers in
        ["sine": .exact(numbers[0]), "bound": .exact(numbers[1])]
      })
  }
}

extension UInt64 {
  /// The seed of one of many streams of numbers that are drawn from this seed.
  func stream(_ number: Int) -> UInt64 {
    self &+ UInt64(truncatingIfNeeded: number) &* 0xD1B5_4A32_D192_ED03
  }
}
