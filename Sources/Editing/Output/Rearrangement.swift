/// How the rows of a converted tensor come from those of its source.
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

  /// The source's row that becomes row `row` of the output, where rows are kept whole.
  func sourceRow(_ row: Int) -> Int {
    switch self {
    case .none, .transposed: row
    case .interleavedHalves(let head):
      row - row % head + (row % head < head / 2 ? 2 * (row % head) : 2 * (row % head - head / 2) + 1)
    case .fusedBlocks(let heads, let head):
      (row / head % 3 * heads + row / head / 3) * head + row % head
    case .separateHalves(let head): row - row % head + row % head / 2 + row % 2 * (head / 2)
    case .fusedHeads(let heads, let head):
      (row / head % heads * 3 + row / head / heads) * head + row % head
    }
  }
}
