internal import Storage

/// The tokens that directions raise most, for every point of a sweep.
package struct TokenTable: Sendable {
  /// A point.
  package struct Row: Sendable {
    /// The names of its series and of its value of x.
    package var name: String
    /// The block that was read.
    package var block: Int
    /// Of each direction of the first subset the tokens, most raised first, and whether a direction of each other subset
    /// raises them too.
    package var directions: [[(token: String, isCommon: Bool)]]
  }

  /// Its title.
  package let title: String
  /// What a reader should know.
  package let caption: String
  /// A row for every point whose directions were read.
  package let rows: [Row]

  /// The tokens of a sweep.
  init(_ sweep: StudySweep<EditSettings>, _ result: SweepResult) {
    title = "\(sweep.title): tokens that the directions raise"
    let cells = result.cells.flatMap { $0 }
    let subsets = cells.map(\.tokens.count).max() ?? 0
    let common =
      subsets > 1
      ? "Those of the first of \(subsets) subsets; † marks what every subset’s directions raise." : ""
    caption = [sweep.caption, common].filter { !$0.isEmpty }.joined(separator: " ")
    rows = zip(sweep.seriesNames, result.cells).flatMap { series, row in
      zip(sweep.x.values, row).compactMap { value, cell in
        guard let (first, common) = cell.commonTokens else { return nil }
        return Row(
          name: [series, value.name].filter { !$0.isEmpty }.joined(separator: ", "), block: first.block,
          directions: first.directions.map { tokens in
            tokens.map { ($0, cell.tokens.count > 1 && common.contains($0)) }
          })
      }
    }
  }

  /// The table as a report reads it.
  var json: JSON {
    [
      "title": .string(title), "caption": .string(caption),
      "rows": .array(
        rows.map { row in
          [
            "name": .string(row.name), "block": .int(row.block),
            "directions": .array(
              row.directions.map { direction in
                .array(direction.map { ["token": .string($0.token), "common": .bool($0.isCommon)] })
              }),
          ]
        }),
    ]
  }
}
