/// How the rows, or a row's columns, of a converted tensor come from those of its source.
enum Rearrangement: Equatable {
  /// They are the same.
  case none
  /// The source has the rows of the two halves of each head in turn, as llama.cpp wants Llama's queries and keys.
  case interleavedHalves(head: Int)
  /// The source has all queries, all keys and all values, the output the three of each head together.
  case fusedBlocks(heads: Int, head: Int)
  /// The source has the rows of a head's first half before those of its second, the output in turn.
  case separateHalves(head: Int)
  /// The source has query, key and value of each head together, the output all queries, all keys and all values.
  case fusedHeads(heads: Int, head: Int)
  /// The source is the transposed matrix.
  case transposed
  /// From row `first` on, the source has `shared` heads of `width` rows one after another for each of `count` others, the output
  /// one for each of those in turn: a gated delta net's heads of values, which llama.cpp wants so.
  case headsInTurn(count: Int, shared: Int, width: Int, first: Int)
  /// The same of a row's columns.
  case columnsInTurn(count: Int, shared: Int, width: Int)

  /// The source's row that becomes row `row` of the output, where rows are kept whole.
  func sourceRow(_ row: Int) -> Int {
    switch self {
    case .none, .transposed, .columnsInTurn: row
    case .headsInTurn(let count, let shared, let width, let first):
      row < first ? row : first + Self.inTurn(row - first, count, shared, width)
    case .interleavedHalves(let head):
      row - row % head + (row % head < head / 2 ? 2 * (row % head) : 2 * (row % head - head / 2) + 1)
    case .fusedBlocks(let heads, let head):
      (row / head % 3 * heads + row / head / 3) * head + row % head
    case .separateHalves(let head): row - row % head + row % head / 2 + row % 2 * (head / 2)
    case .fusedHeads(let heads, let head):
      (row / head % heads * 3 + row / head / heads) * head + row % head
    }
  }

  /// The source's column that becomes column `column` of the output.
  func sourceColumn(_ column: Int) -> Int {
    guard case .columnsInTurn(let count, let shared, let width) = self else { return column }
    return Self.inTurn(column, count, shared, width)
  }

  private static func inTurn(_ index: Int, _ count: Int, _ shared: Int, _ width: Int) -> Int {
    let head = index / width
    return (head % count * shared + head / count) * width + index % width
  }
}
