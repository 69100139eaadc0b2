import Evaluation
import Foundation
import Storage
import Studies
import SubspaceEditing
import Testing

/// Recovery of span(B) in the factor model, against NumPy, and its bound against draws.
@Suite struct RecoveryTests {
  private static let goldens: JSONValue? = {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/recovery.json")
    guard let data = try? Data(contentsOf: path) else { return nil }
    return try? JSONDocument(parsing: [UInt8](data), source: "recovery.json").root
  }()

  @Test("angle, noise, gap and bound are NumPy's", arguments: 0..<6)
  func reference(_ index: Int) throws {
    let golden = try #require(Self.goldens?["cases"]?.elements[index])
    func numbers(_ key: String) -> [Double] { (golden[key]?.elements ?? []).compactMap(\.double) }
    func number(_ key: String) -> Double { golden[key]?.double ?? .nan }
    let (pairs, hidden) = (golden["pairs"]?.int ?? 0, golden["hidden"]?.int ?? 0)
    func side(_ key: String) throws -> Embeddings {
      try Embeddings(count: pairs, hidden: hidden, values: numbers(key).map(Float.init))
    }
    let found = try SubspaceRecovery(
      rejected: side("rejected"), chosen: side("chosen"), basis: numbers("basis"), signal: numbers("signal"),
      centred: golden["centred"]?.bool ?? false)
    #expect(abs(found.sine - number("sine")) < 1e-6)
    #expect(abs(found.noise - number("noise")) < 1e-9 * number("noise"))
    #expect(abs(found.gap - number("gap")) < 1e-9 * number("gap"))
    #expect(abs(found.bound - number("bound")) < 1e-9)
  }

  private static func settings(_ change: (inout FactorSettings) -> Void) -> FactorSettings {
    var settings = FactorSettings()
    (settings.hidden, settings.context, settings.pairs) = (40, 5, 60)
    change(&settings)
    return settings
  }

  private static func recovery(_ settings: FactorSettings, seed: UInt64) throws -> SubspaceRecovery {
    let draw = try FactorModel(settings, seed: seed)
    return try SubspaceRecovery(
      rejected: draw.rejected, chosen: draw.chosen, basis: draw.basis, signal: draw.signal,
      centred: settings.centring)
  }

  @Test(
    "the bound holds in every draw, with noise, few pairs, exchanged labels, and without centring",
    arguments: [0.01, 0.1, 0.5, 2])
  func bound(noise: Double) throws {
    var below = 0
    for seed in 0..<5 as Range<UInt64> {
      for pairs in [3, 20, 100] {
        for flipped in [0, 0.3, 0.5] {
          for centring in [true, false] {
            let settings = Self.settings {
              ($0.noise, $0.pairs, $0.flipped, $0.centring) = (noise, pairs, flipped, centring)
            }
            let found = try Self.recovery(settings, seed: seed)
            #expect(found.sine <= found.bound + 1e-6, "\(settings), seed \(seed)")
            below += found.bound < 1 ? 1 : 0
          }
        }
      }
    }
    // A bound of 1 says nothing.
    #expect(noise > 0.1 || below > 20, "\(below)")
  }

  @Test("a draw without noise and spread is recovered to rounding, and equal seeds draw the same")
  func exact() throws {
    let settings = Self.settings { ($0.noise, $0.spread) = (0, 0) }
    #expect(try Self.recovery(settings, seed: 3).sine < 1e-5)
    #expect(try FactorModel(settings, seed: 3).rejected == FactorModel(settings, seed: 3).rejected)
    #expect(try FactorModel(settings, seed: 3).rejected != FactorModel(settings, seed: 4).rejected)
  }

  @Test("with B's factors of mean 0, exchanged labels change the recovery no more than another draw does")
  func flips() throws {
    func mean(_ flipped: Double) throws -> Double {
      let settings = Self.settings { ($0.flipped, $0.mean, $0.pairs) = (flipped, 0, 200) }
      return try (0..<10 as Range<UInt64>).reduce(0) { try $0 + Self.recovery(settings, seed: $1).sine } / 10
    }
    let (none, half) = (try mean(0), try mean(0.5))
    #expect(abs(half - none) < 0.3 * none, "\(none), \(half)")
  }

  @Test("a width without room is refused")
  func narrow() {
    let error = #expect(throws: StudyError.self) {
      try FactorModel(Self.settings { $0.hidden = 7 }, seed: 0)
    }
    #expect(error?.description.contains("need a width of 8") == true)
  }

  @Test("means of repetitions have Student's interval, as SciPy has it", arguments: 0..<3)
  func intervals(_ index: Int) throws {
    let golden = try #require(Self.goldens?["intervals"]?.elements[index])
    let found = Estimate(meanOf: (golden["values"]?.elements ?? []).compactMap(\.double))
    for (key, value) in [("mean", found.value), ("lower", found.lower), ("upper", found.upper)] {
      #expect(abs(value - (golden[key]?.double ?? .nan)) < 1e-6, "\(key)")
    }
  }
}
