import Foundation
import Storage
import Testing

/// Gradients of training, as people and programs see them.
@Suite struct TrainingTranscriptTests {
  @Test("gradients reports norms, shares and angles at each number of pairs")
  func gradients() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("gpt2")
    let fit = [
      "fit", model, "--pairs", Fixture.pairs, "--rank", "3", "--layers", "2-2", "--limit", "32", "--out", "s",
    ]
    #expect(try Transcript(fit, in: folder).status == 0)
    let arguments = ["gradients", model, "--pairs", Fixture.pairs, "--subspace", "s", "--counts", "16,4"]
    let run = try Transcript(arguments + ["--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let counts = try run.json()["counts"]?.elements ?? []
    #expect(counts.map { $0["pairs"]?.int } == [4, 16])
    for count in counts {
      let blocks = count["blocks"]?.elements ?? []
      #expect(blocks.map { $0["block"]?.int } == [1, 2])
      #expect(blocks.allSatisfy { $0["norm"]?.double ?? 0 > 0 })
      #expect(blocks[0]["share"] == nil && blocks[1]["angles"]?.count == 3)
      // A random subspace of 3 of 36 dimensions has √(3/36) = 0.29 on average.
      let random = blocks[1]["random"]?.double ?? 0
      #expect(random > 0.15 && random < 0.45)
      #expect((0...1).contains(blocks[1]["share"]?.double ?? -1))
    }
    let table = try Transcript(arguments, in: folder)
    #expect(table.output.contains("16 pairs") && table.output.contains("random"))
    #expect(try Transcript(arguments.dropLast() + ["4,x"], in: folder).status == 64)
  }
}
