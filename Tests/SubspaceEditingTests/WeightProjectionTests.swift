import SubspaceEditing
import Testing

/// Both passes over a matrix in memory, in blocks of `step` rows.
private func edit(
  _ weight: [Float], _ subspace: BlockSubspace, _ shape: WeightShape, strength: Double = 1, step: Int = .max
) throws -> ([Float], WeightProjection) {
  var projection = try WeightProjection(removing: subspace, from: shape, strength: strength)
  var values = weight
  let step = min(step, max(1, shape.rows))
  for start in stride(from: 0, to: shape.rows, by: step) {
    let rows = start..<min(start + step, shape.rows)
    try projection.observe(
      values.span.extracting(rows.lowerBound * shape.columns..<rows.upperBound * shape.columns), rows: rows)
  }
  for start in stride(from: 0, to: shape.rows, by: step) {
    let rows = start..<min(start + step, shape.rows)
    var part = Array(values[rows.lowerBound * shape.columns..<rows.upperBound * shape.columns])
    var span = part.mutableSpan
    try projection.edit(&span, rows: rows)
    values.replaceSubrange(rows.lowerBound * shape.columns..<rows.upperBound * shape.columns, with: part)
  }
  return (values, projection)
}

/// Rows to columns.
private func transposed(_ values: [Float], rows: Int) -> [Float] {
  let columns = values.count / rows
  return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
}

/// Distance of two values in units in the last place of the reference rounded to single precision.
private func ulps(_ value: Float, _ reference: Double) -> Double {
  abs(Double(value) - reference) / Double(Float(reference).ulp)
}

private func subspace(rank: Int, hidden: Int, seed: UInt64) throws -> BlockSubspace {
  let preference = try PreferenceMatrix(
    rejected: randomEmbeddings(rank + 5, hidden, seed: seed),
    chosen: randomEmbeddings(rank + 5, hidden, seed: seed + 1))
  return try BlockSubspace(fitting: preference, rank: rank)
}

@Suite("Projecting a weight matrix")
struct WeightProjectionTests {
  @Test(
    "edited weights are the float64 reference's to a unit in the last place, in both layouts and any blocks",
    arguments: Goldens.shared.cases, [1, 3, .max])
  func agreesWithNumPy(golden: Goldens.Case, step: Int) throws {
    let directions = try Embeddings(
      count: golden.rank, hidden: golden.hidden, values: golden.directions.map(Float.init))
    let subspace = try BlockSubspace(directions: directions, singularValues: golden.singularValues)
    let inputs = golden.weight.count / golden.hidden
    let (straight, _) = try edit(
      golden.weight, subspace,
      WeightShape(layout: .outputsByInputs, outputs: golden.hidden, inputs: inputs),
      strength: golden.strength, step: step)
    let (turned, _) = try edit(
      transposed(golden.weight, rows: golden.hidden), subspace,
      WeightShape(layout: .inputsByOutputs, outputs: golden.hidden, inputs: inputs),
      strength: golden.strength, step: step)
    for (value, reference) in zip(straight, golden.edited) { #expect(ulps(value, reference) <= 1) }
    for (value, reference) in zip(transposed(turned, rows: inputs), golden.edited) {
      #expect(ulps(value, reference) <= 1)
    }
  }

  @Test(
    "after the edit nothing is written into the subspace, and editing again changes nothing more",
    arguments: [WeightLayout.outputsByInputs, .inputsByOutputs])
  func projectionIsIdempotent(layout: WeightLayout) throws {
    let subspace = try subspace(rank: 4, hidden: 48, seed: 11)
    let shape = WeightShape(layout: layout, outputs: 48, inputs: 70)
    let weight = try randomEmbeddings(48, 70, seed: 15).values
    let (once, projection) = try edit(weight, subspace, shape, step: 5)
    let upright = layout == .outputsByInputs ? once : transposed(once, rows: 70)
    let norm = weight.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()

    // V W′ ≈ 0 by an independent computation, and as reported.
    let residual = naiveResidual(subspace.directions, upright)
    #expect(residual < 1e-6 * norm)
    #expect(abs(projection.after.norm - residual) < 1e-9 * norm)
    #expect(abs(projection.after.relativeNorm - residual / norm) < 1e-9)
    // A random matrix has √(rank/hidden) of its norm in the subspace, and that is what went.
    #expect(abs(projection.before.relativeNorm - (4.0 / 48).squareRoot()) < 0.05)
    #expect(abs(projection.relativeChange - projection.before.relativeNorm) < 1e-6)

    let (twice, second) = try edit(once, subspace, shape)
    #expect(second.relativeChange < 1e-6)
    #expect(zip(once, twice).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("strengths add up: nothing at 0, all at 1, reflected at 2", arguments: [0.0, 0.25, 1, 2, -1])
  func strength(alpha: Double) throws {
    let subspace = try subspace(rank: 2, hidden: 16, seed: 21)
    let shape = WeightShape(layout: .outputsByInputs, outputs: 16, inputs: 9)
    let weight = try randomEmbeddings(16, 9, seed: 25).values
    let (edited, projection) = try edit(weight, subspace, shape, strength: alpha)
    #expect(abs(projection.after.norm - abs(1 - alpha) * projection.before.norm) < 1e-6)
    #expect(abs(projection.relativeChange - abs(alpha) * projection.before.relativeNorm) < 1e-6)
    if alpha == 0 { #expect(edited == weight) }
  }

  @Test(
    "the adapter's factors multiply to the change of the weights, and its measures are those of the sum",
    arguments: [1, 0.5, -1.5], [WeightLayout.outputsByInputs, .inputsByOutputs])
  func adapter(_ strength: Double, _ layout: WeightLayout) throws {
    let subspace = try subspace(rank: 3, hidden: 20, seed: 31)
    let weight = try randomEmbeddings(20, 15, seed: 35).values
    let shape = WeightShape(layout: layout, outputs: 20, inputs: 15)
    let (edited, projection) = try edit(weight, subspace, shape, strength: strength)
    let adapter = try LowRankAdapter(projection.before, strength: strength)
    #expect(adapter.outputFactor == LowRankAdapter.outputFactor(of: subspace, strength: strength))
    var (change, written, rest) = (0.0, 0.0, [Double](repeating: 0, count: 3 * 15))
    for output in 0..<20 {
      for input in 0..<15 {
        let product = (0..<3).reduce(0.0) {
          $0 + Double(adapter.outputFactor[output * 3 + $1]) * Double(adapter.inputFactor[$1 * 15 + input])
        }
        let index = layout == .outputsByInputs ? output * 15 + input : input * 20 + output
        let sum = Double(weight[index]) + product
        #expect(abs(sum - Double(edited[index])) < 1e-6)
        change += product * product
        written += sum * sum
        for row in 0..<3 {
          rest[row * 15 + input] += Double(subspace.directions.values[row * 20 + output]) * sum
        }
      }
    }
    let residual = (rest.reduce(0) { $0 + $1 * $1 } / written).squareRoot()
    #expect(abs(adapter.residual - residual) < 1e-7)
    #expect(strength == 1 ? residual < 1e-7 : residual > 0.05)
    let squares = weight.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(abs(adapter.relativeChange - (change / squares).squareRoot()) < 1e-7)
  }

  @Test("blocks larger than the working set give the values of single rows")
  func largeMatrix() throws {
    let subspace = try subspace(rank: 3, hidden: 700, seed: 41)
    let weight = try randomEmbeddings(700, 1200, seed: 45).values
    for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
      let shape = WeightShape(layout: layout, outputs: 700, inputs: 1200)
      let (whole, projection) = try edit(weight, subspace, shape)
      let (byRows, _) = try edit(weight, subspace, shape, step: 1)
      #expect(zip(whole, byRows).allSatisfy { abs($0 - $1) <= 2 * $0.ulp })
      #expect(projection.after.relativeNorm < 1e-6 && projection.before.relativeNorm > 0.03)
    }
  }

  @Test("wrong sizes, rows out of range, values that are not numbers and an early edit are refused")
  func refusals() throws {
    let subspace = try subspace(rank: 2, hidden: 6, seed: 51)
    let shape = WeightShape(layout: .outputsByInputs, outputs: 6, inputs: 4)
    #expect(throws: SubspaceError.self) {
      try WeightProjection(
        removing: subspace, from: WeightShape(layout: .inputsByOutputs, outputs: 4, inputs: 6))
    }
    #expect(throws: SubspaceError.self) {
      try WeightProjection(removing: subspace, from: shape, strength: .nan)
    }
    var projection = try WeightProjection(removing: subspace, from: shape)
    var weight = try randomEmbeddings(6, 4, seed: 55).values
    func reason(_ body: () throws -> Void) -> SubspaceError.Reason? {
      do { try body() } catch let error as SubspaceError { return error.reason } catch {}
      return nil
    }
    #expect(reason { try projection.observe(weight.span, rows: 1..<7) } != nil)
    #expect(reason { try projection.observe(weight.span, rows: 0..<5) } != nil)
    weight[13] = .nan
    #expect(reason { try projection.observe(weight.span, rows: 0..<6) } == .notFinite(what: "weight", row: 3))
    weight[13] = 0
    var fresh = try WeightProjection(removing: subspace, from: shape)
    let early = reason {
      var span = weight.mutableSpan
      try fresh.edit(&span, rows: 0..<6)
    }
    #expect(early == .sizesDisagree(what: "rows observed before the edit", expected: 6, found: 0))
  }
}
