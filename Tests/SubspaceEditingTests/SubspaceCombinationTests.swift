import Foundation
import SubspaceEditing
import Testing

/// What `Scripts/fixtures/combined_reference.py` computed in float64.
private struct CombinationGoldens: Decodable {
  struct Part: Decodable {
    var rank: Int
    var directions: [Float]
    var writes: [Float]?

    func subspace(_ hidden: Int) throws -> BlockSubspace {
      try BlockSubspace(
        directions: Embeddings(count: rank, hidden: hidden, values: directions),
        writes: writes.map { try Embeddings(count: rank, hidden: hidden, values: $0) },
        singularValues: (0..<rank).map { Double(10 - $0) })
    }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    var name: String
    var hidden: Int
    var inputs: Int
    var rank: Int
    var parts: [Part]
    var weight: [Float]
    var edited: [Double]
    var testDescription: String { name }
  }

  var cases: [Case]

  static func read() throws -> CombinationGoldens {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Fixtures/combined-goldens.json")
    return try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
  }
}

/// Several subspaces removed as one.
@Suite struct SubspaceCombinationTests {
  /// `weight`, `[outputs, inputs]`, after the edit.
  private func edited(_ weight: [Float], _ subspace: BlockSubspace, inputs: Int) throws -> [Float] {
    let shape = WeightShape(layout: .outputsByInputs, outputs: subspace.hidden, inputs: inputs)
    var projection = try WeightProjection(removing: subspace, from: shape)
    var values = weight
    try projection.observe(values.span, rows: 0..<shape.rows)
    var span = values.mutableSpan
    try projection.edit(&span, rows: 0..<shape.rows)
    return values
  }

  @Test("Weights edited by a combination are the float64 reference, and nothing is left in any part")
  func reference() throws {
    let goldens = try CombinationGoldens.read()
    #expect(goldens.cases.count == 6)
    for item in goldens.cases {
      let parts = try item.parts.map { try $0.subspace(item.hidden) }
      let whole = try BlockSubspace(combining: parts)
      #expect(whole.rank == item.rank, "\(item.name)")
      #expect(whole.singularValues.count == parts.reduce(0) { $0 + $1.singularValues.count })
      let found = try edited(item.weight, whole, inputs: item.inputs)
      let size = item.weight.map { Double($0 * $0) }.reduce(0, +).squareRoot()
      let distance = zip(found, item.edited).map { (Double($0) - $1) * (Double($0) - $1) }.reduce(0, +)
      #expect(distance.squareRoot() / size < 2e-5, "\(item.name): \(distance.squareRoot() / size)")
      // What is left of a direction that was dropped is the share of it that lies outside the others.
      for part in parts {
        #expect(naiveResidual(part.directions, found) / size < 2e-3, "\(item.name)")
      }
    }
  }

  @Test("A combination's first directions are the first of every part, in their order")
  func order() throws {
    let hidden = 6
    func axes(_ indices: [Int]) throws -> BlockSubspace {
      var values = [Float](repeating: 0, count: indices.count * hidden)
      for (row, index) in indices.enumerated() { values[row * hidden + index] = 1 }
      return try BlockSubspace(
        directions: Embeddings(count: indices.count, hidden: hidden, values: values),
        singularValues: indices.map { Double(9 - $0) }.sorted(by: >))
    }
    let whole = try BlockSubspace(combining: [axes([0, 1, 2]), axes([3]), axes([4, 0])])
    let order = (0..<whole.rank).map { row in
      whole.directions.values[row * hidden..<(row + 1) * hidden].firstIndex(of: 1).map { $0 - row * hidden }
    }
    #expect(order == [0, 3, 4, 1, 2])
  }

  @Test("No parts, parts of different widths, and oblique ones beside others are refused")
  func refused() throws {
    let goldens = try CombinationGoldens.read()
    let plain = try goldens.cases[0].parts[0].subspace(goldens.cases[0].hidden)
    let oblique = try goldens.cases[4].parts[0].subspace(goldens.cases[4].hidden)
    let narrow = try BlockSubspace(
      directions: Embeddings(count: 1, hidden: 2, values: [1, 0]), singularValues: [1])
    #expect(throws: SubspaceError.self) { try BlockSubspace(combining: []) }
    #expect(throws: SubspaceError.self) { try BlockSubspace(combining: [plain, narrow]) }
    #expect(throws: SubspaceError(reason: .kindsDiffer)) { try BlockSubspace(combining: [plain, oblique]) }
    // What one takes away cannot take the other's direction away: u of the second lies in what the first takes.
    let first = try BlockSubspace(
      directions: Embeddings(count: 1, hidden: 2, values: [1, 0]),
      writes: Embeddings(count: 1, hidden: 2, values: [1, 1]), singularValues: [1])
    let second = try BlockSubspace(
      directions: Embeddings(count: 1, hidden: 2, values: [0, 1]),
      writes: Embeddings(count: 1, hidden: 2, values: [1, 1]), singularValues: [1])
    #expect(throws: SubspaceError(reason: .noJointProjection)) {
      try BlockSubspace(combining: [first, second])
    }
  }
}
