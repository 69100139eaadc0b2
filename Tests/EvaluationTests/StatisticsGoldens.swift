import Foundation
import Storage
import Testing

/// What SciPy makes of small samples: `Scripts/fixtures/statistics_goldens.py`.
enum StatisticsGoldens {
  /// The cases of one kind.
  static func cases(_ kind: String) throws -> [JSONValue] {
    try #require(try PerplexityTests.json("EvaluationTests/Fixtures/statistics.json")[kind]).elements
  }
}

extension JSONValue {
  /// The numbers of an array, those that are none left out.
  var doubles: [Double] { elements.compactMap(\.double) }
}
