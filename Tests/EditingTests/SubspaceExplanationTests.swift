import Editing
import Foundation
import Kernels
import SubspaceEditing
import Testing
import Transformer

/// What directions say through a model's output.
@Suite struct SubspaceExplanationTests {
  private static let context = ComputeContext(threads: 2, precision: .f32)

  @Test(
    "A direction's logits are those of the model's own head, but for size, biases and bound",
    arguments: EditedGoldens.all.filter(\.isDecoder))
  func logits(_ goldens: EditedGoldens) throws {
    let model = try Model(path: goldens.folder)
    let hidden = model.configuration.hidden
    let directions = try #require(try goldens.subspace(model)[1]).directions
    let head = LanguageModelHead(model, Self.context)
    let found = try head.logits(ofDirections: directions.values, count: directions.count)
    for row in 0..<directions.count {
      // Far along the direction and as far back: what is even in it, the biases, cancels.
      let direction = directions.values[row * hidden..<(row + 1) * hidden]
      let stream = ResidualStream(rows: 2, width: hidden)
      try stream.withRows { rows in
        for (index, value) in direction.enumerated() {
          rows[index] = 1000 * value
          rows[hidden + index] = -1000 * value
        }
      }
      var logits = try head.logits(stream, rows: [0, 1])
      if let bound = model.configuration.logitCap { logits = logits.map { bound * atanh($0 / bound) } }
      let count = logits.count / 2
      let mean = model.configuration.norm == .layer ? direction.reduce(0, +) / Float(hidden) : 0
      let squares = direction.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let size = model.entry(.finalNorm) == nil ? 1 / 1000 : (squares / Float(hidden)).squareRoot()
      let expected = (0..<count).map { (logits[$0] - logits[count + $0]) / 2 * size }
      #expect(relativeError(Array(found[row * count..<(row + 1) * count]), expected) < 1e-4)
    }
  }

  @Test("Tokens are the largest and smallest, in order, and overlaps are those of the directions")
  func explanation() throws {
    let goldens = PaperGoldens.all[0]
    let (model, subspace) = (try goldens.model(), try goldens.reference())
    let explanation = try SubspaceExplanation(
      subspace, model, Self.context, tokens: 5, comparedWith: subspace)
    #expect(explanation.blocks.map(\.block) == [2, 3])
    for (block, source) in zip(explanation.blocks, subspace.blocks) {
      #expect(block.singularValues == source.subspace.singularValues)
      #expect(abs(try #require(block.compared).overlap - 1) < 1e-9)
      let logits = try LanguageModelHead(model, Self.context).logits(
        ofDirections: source.subspace.directions.values, count: 3)
      let vocabulary = logits.count / 3
      for (row, direction) in block.directions.enumerated() {
        let sorted = logits[row * vocabulary..<(row + 1) * vocabulary].sorted()
        #expect(direction.singularValue == source.subspace.singularValues[row])
        #expect(direction.top.count == 5 && direction.bottom.count == 5)
        #expect(direction.top.map(\.logit) == direction.top.map(\.logit).sorted(by: >))
        #expect(direction.bottom.map(\.logit) == direction.bottom.map(\.logit).sorted())
        #expect(direction.top[0].logit == sorted.last && direction.bottom[0].logit == sorted.first)
        for token in direction.top + direction.bottom {
          #expect(token.logit == logits[row * vocabulary + Int(token.id)] && !token.text.isEmpty)
        }
      }
    }
    #expect(explanation.blocks[0].previous == nil)
    let previous = try #require(explanation.blocks[1].previous)
    #expect(previous.block == 2)
    #expect(
      try previous.angles
        == PrincipalAngles(
          between: subspace.blocks[0].subspace.directions, and: subspace.blocks[1].subspace.directions))
  }

  @Test("Of an oblique subspace what is taken away is read, whatever its length")
  func obliqueLength() throws {
    let goldens = PaperGoldens.all[0]
    let (model, plain) = (try goldens.model(), try goldens.reference())
    // V Uᵀ = I leaves U free outside V, and with it U's length.
    func explained(addingAcross share: Float) throws -> [[Float]] {
      let blocks = try plain.blocks.map { block in
        let (rows, hidden) = (block.subspace.directions, plain.hidden)
        // A direction outside all of V: what is left of an axis.
        var across = (0..<hidden).map { Float($0 == 5 ? 1 : 0) }
        for row in 0..<rows.count {
          let part = rows.values[row * hidden + 5]
          for index in 0..<hidden { across[index] -= part * rows.values[row * hidden + index] }
        }
        let writes = rows.values.indices.map {
          rows.values[$0] + share * across[$0 % hidden]
        }
        return EditSubspace.Block(
          block: block.block,
          subspace: try BlockSubspace(
            directions: rows, writes: Embeddings(count: rows.count, hidden: hidden, values: writes),
            singularValues: block.subspace.singularValues))
      }
      let explanation = try SubspaceExplanation(
        EditSubspace(blocks: blocks, provenance: plain.provenance), model, Self.context, tokens: 3)
      for (block, source) in zip(explanation.blocks, blocks) {
        let taken = source.subspace.taken
        let logits = try LanguageModelHead(model, Self.context).logits(
          ofDirections: taken.values, count: taken.count)
        let vocabulary = logits.count / taken.count
        for (row, direction) in block.directions.enumerated() {
          let values = taken.values[row * taken.hidden..<(row + 1) * taken.hidden]
          let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
          for token in direction.top {
            let expected = logits[row * vocabulary + Int(token.id)] / length
            #expect(abs(token.logit - expected) < 1e-4 * (1 + abs(expected)))
          }
        }
      }
      return explanation.blocks.map { $0.directions.map { $0.top[0].logit } }
    }
    #expect(try explained(addingAcross: 0) != explained(addingAcross: 30))
  }

  @Test("Another model, an encoder, and a subspace with nothing in common are refused")
  func refused() throws {
    let subspace = try PaperGoldens.all[0].reference()
    func explain(_ name: String, comparedWith other: EditSubspace? = nil) throws {
      let goldens = try #require(EditedGoldens.all.first { $0.name == name })
      _ = try SubspaceExplanation(
        subspace, try Model(path: goldens.folder), Self.context, tokens: 1, comparedWith: other)
    }
    #expect { try explain("gpt2") } throws: { "\($0)".contains("another family or size") }
    #expect { try explain("bert") } throws: { "\($0)".contains("is an encoder") }
    let elsewhere = EditSubspace(
      blocks: [EditSubspace.Block(block: 1, subspace: subspace.blocks[0].subspace)],
      provenance: subspace.provenance)
    #expect { try explain("llama-tied", comparedWith: elsewhere) } throws: {
      "\($0)".contains("no block in common")
    }
  }
}
