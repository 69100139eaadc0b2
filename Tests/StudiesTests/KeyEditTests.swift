import Checkpoints
import Editing
import Evaluation
import Foundation
import Kernels
import Studies
import SubspaceEditing
import Testing
import Transformer

/// The edit of what MLPs read.
@Suite struct KeyEditTests {
  @Test(
    "the matrices in front read nothing of the subspace, and no other weight changes",
    arguments: ["gpt2", "llama-untied", "phi3"])
  func reads(_ name: String) throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let base = try Model(path: tests.appending(path: "TransformerTests/Fixtures/\(name)").path)
    let hidden = base.configuration.hidden
    let direction = [Float(0.6), 0.8] + Array(repeating: Float(0), count: hidden - 2)
    let subspace = EditSubspace(
      blocks: [
        .init(
          block: 2,
          subspace: try BlockSubspace(
            directions: Embeddings(count: 1, hidden: hidden, values: direction), singularValues: [1]))
      ],
      provenance: .init(
        recipe: EditRecipe(rank: 1, blocks: 2...2), pairs: 1, pairsDigest: "", modelDigest: "", compute: "f32"
      ))
    let edited = try KeyEdit(base, removing: subspace, strength: 1).model
    var changed = 0
    for role in WeightRole.allCases {
      for block in role.isPerBlock ? [1, 2] : [nil] {
        guard let entry = base.entry(role, block: block, part: .weight),
          let other = edited.entry(role, block: block, part: .weight)
        else { continue }
        let (before, after) = (try base.tensors.floats(entry), try edited.tensors.floats(other))
        guard [.mlpUp, .mlpGate, .mlpGateUp].contains(role), block == 2 else {
          #expect(before == after, "\(role)")
          continue
        }
        changed += 1
        let isOutputMajor = base.layout(of: role) == .outputMajor
        let outputs = before.count / hidden
        for output in 0..<outputs {
          func read(_ values: [Float], _ direction: [Float]) -> Float {
            (0..<hidden).reduce(0) {
              $0 + direction[$1] * values[isOutputMajor ? output * hidden + $1 : $1 * outputs + output]
            }
          }
          #expect(abs(read(after, direction)) < 1e-6)
          // What is orthogonal to the subspace is read as before.
          let orthogonal = [Float(0.8), -0.6, 1] + Array(repeating: Float(0), count: hidden - 3)
          #expect(abs(read(after, orthogonal) - read(before, orthogonal)) < 1e-5)
        }
      }
    }
    #expect(changed == (name == "llama-untied" ? 2 : 1))
  }
}
