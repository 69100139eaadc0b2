import Foundation
import Kernels
import Testing
import Transformer

/// Every registered family against transformers, through one suite.
@Suite struct FamilyTests {
  static let contexts = [
    ComputeContext(threads: 1, precision: .f32), ComputeContext(threads: 2, precision: .f32),
  ]

  @Test(
    "Every block's output and the logits agree with transformers", arguments: FamilyGoldens.all,
    [true, false])
  func forwardAgrees(_ goldens: FamilyGoldens, sharing: Bool) throws {
    for context in Self.contexts {
      try check(goldens, sharing, context, tolerance: 1e-5)
    }
  }

  @Test("bf16 products stay within what bf16 allows", arguments: FamilyGoldens.all)
  func halfPrecisionAgrees(_ goldens: FamilyGoldens) throws {
    try check(goldens, true, ComputeContext(threads: 2, precision: .bf16), tolerance: 2e-2)
  }

  private func check(
    _ goldens: FamilyGoldens, _ sharing: Bool, _ context: ComputeContext, tolerance: Double
  ) throws {
    let model = try Model(path: goldens.folder)
    let sequences = try goldens.sequences().map(\.ids)
    var blocks = Array(repeating: [Float](), count: model.configuration.blocks)
    var logits: [Float] = []
    // Some scalings of rotary embedding depend on the longest text of a pass, and the goldens were made one by one.
    for group in goldens.dependsOnLength ? sequences.map({ [$0] }) : [sequences] {
      // A chunk smaller than the whole, so that texts are spread over several.
      let forest = TokenForest(group, chunkTokens: 24, sharing: sharing && model.configuration.isCausal)
      let rows = group.indices.flatMap { forest.ranges(ofText: $0).flatMap { Array($0) } }
      let width = model.configuration.hidden
      try ForwardPass(model, context, forest).run(
        throughBlock: model.configuration.blocks,
        afterBlock: { block, stream in
          blocks[block - 1] += try stream.withRows { base in
            rows.flatMap { Array(UnsafeBufferPointer(start: base + $0 * width, count: width)) }
          }
          if block == model.configuration.blocks, model.configuration.isCausal {
            logits += try LanguageModelHead(model, context).logits(stream, rows: rows)
          }
        })
    }
    for (index, found) in blocks.enumerated() {
      let error = relativeError(found, try goldens.tensor("block.\(index + 1)"))
      #expect(error < tolerance, "block \(index + 1)")
    }
    guard model.configuration.isCausal else { return }
    #expect(relativeError(logits, try goldens.tensor("logits")) < tolerance)
  }

  @Test(
    "Rows that alone are needed after the last block come out as among all others",
    arguments: FamilyGoldens.all,
    ComputePrecision.allCases)
  func neededRowsAgree(_ goldens: FamilyGoldens, _ precision: ComputePrecision) throws {
    let model = try Model(path: goldens.folder)
    let context = ComputeContext(threads: 2, precision: precision)
    let texts = try goldens.sequences().map(\.ids)
    let forest = TokenForest(texts, chunkTokens: 24, sharing: model.configuration.isCausal)
    try #require(forest.chunks.count > 1)
    // Of the first chunk a row in the middle and the last, of the second none.
    let (first, second) = (forest.tokenRange(ofChunk: 0), forest.tokenRange(ofChunk: 1))
    let needed = [first.upperBound - 1, first.count / 2] + (second.upperBound..<forest.tokens.count)
    func rows(_ outputRows: [Int]?) throws -> [Float] {
      let pass = try ForwardPass(model, context, forest, outputRows: outputRows)
      return try pass.finalStreams()[0].gathered(needed).withRows {
        Array(UnsafeBufferPointer(start: $0, count: needed.count * model.configuration.hidden))
      }
    }
    #expect(relativeError(try rows(needed), try rows(nil)) < (precision == .f32 ? 1e-6 : 1e-3))
  }

  @Test(
    "Greedy decoding of all prompts at once gives transformers' tokens", arguments: FamilyGoldens.decoders)
  func greedyAgrees(_ goldens: FamilyGoldens) throws {
    let model = try Model(path: goldens.folder)
    let sequences = try goldens.sequences()
    let decoder = Decoder(model, ComputeContext(threads: 2, precision: .f32))
    let options = Decoder.Options(maximumNewTokens: sequences[0].continuation.count)
    let found =
      try goldens.dependsOnLength
      ? sequences.flatMap { try decoder.generate([$0.ids], options) }
      : decoder.generate(sequences.map(\.ids), options)
    #expect(found == sequences.map(\.continuation))
  }

  @Test("Log-probabilities are those of the whole row's softmax", arguments: FamilyGoldens.decoders)
  func logProbabilitiesAgree(_ goldens: FamilyGoldens) throws {
    let model = try Model(path: goldens.folder)
    let context = ComputeContext(threads: 2, precision: .f32)
    let ids = try #require(try goldens.sequences().map(\.ids).max { $0.count < $1.count })
    let pass = try ForwardPass(model, context, TokenForest([ids], chunkTokens: 1024))
    let targets = Array(ids.dropFirst())
    try pass.run(
      throughBlock: model.configuration.blocks,
      afterBlock: { block, stream in
        guard block == model.configuration.blocks else { return }
        let head = LanguageModelHead(model, context)
        let rows = Array(targets.indices)
        let streamed = try head.logSoftmax(stream, rows: rows, targets: targets)
        let logits = try head.logits(stream, rows: rows)
        for row in rows {
          let values = logits[
            row * model.configuration.vocabulary..<(row + 1) * model.configuration.vocabulary
          ]
          .map(Double.init)
          let normaliser = logOfSum(values)
          #expect(abs(streamed.logProbability(row) - (values[Int(targets[row])] - normaliser)) < 1e-5)
          #expect(Int(streamed.bestToken(row)) == values.firstIndex(of: values.max() ?? 0))
        }
      })
  }
}

private func logOfSum(_ values: [Double]) -> Double {
  let largest = values.max() ?? 0
  return largest + Foundation.log(values.reduce(0) { $0 + Foundation.exp($1 - largest) })
}
