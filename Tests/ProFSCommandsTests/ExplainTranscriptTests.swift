import Foundation
import Storage
import Testing

/// What directions stand for, as people and programs read it.
@Suite struct ExplainTranscriptTests {
  @Test("explain names tokens, spectrum and overlap in a table that fits 100 columns, and in JSON")
  func explain() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    for (name, limit) in [("s", "64"), ("other", "32")] {
      let fit = [
        "fit", model, "--pairs", Fixture.pairs, "--rank", "3", "--layers", "1-3", "--limit", limit, "--out",
        name,
      ]
      #expect(try Transcript(fit, in: folder).status == 0)
    }
    let arguments = ["explain", "s", "--model", model, "--layers", "2-3", "--compare", "other"]
    let text = try Transcript(arguments, in: folder)
    #expect(text.status == 0, "\(text.errors)")
    #expect(text.output.contains("block 2: rank 3") && text.output.contains("; overlap with block 2 0."))
    #expect(text.output.contains("overlap with the other subspace 0.") && text.output.contains("  + "))
    for line in text.output.split(separator: "\n") { #expect(line.count <= 100) }
    let run = try Transcript(arguments + ["--top", "4", "--json"], in: folder)
    #expect(run.status == 0 && run.errors.isEmpty)
    let blocks = try run.json()["blocks"]?.elements ?? []
    #expect(blocks.map { $0["block"]?.int } == [2, 3])
    for block in blocks {
      let directions = block["directions"]?.elements ?? []
      #expect(directions.count == 3 && block["singular_values"]?.count ?? 0 >= 3)
      for direction in directions {
        #expect((0...1).contains(direction["share"]?.double ?? -1))
        for side in ["top", "bottom"] {
          let tokens = direction[side]?.elements ?? []
          #expect(
            tokens.count == 4 && tokens.allSatisfy { $0["id"]?.int != nil && $0["text"]?.string != nil })
        }
      }
      #expect((0...1).contains(block["compared"]?["overlap"]?.double ?? -1))
      #expect(block["compared"]?["angles"]?.count == 3)
    }
    #expect(blocks.first?["previous"]?.kind == .null && blocks.last?["previous"]?["block"]?.int == 2)
  }

  @Test("explain refuses another model's subspace and a number of tokens it cannot show")
  func refused() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let fit = ["fit", model, "--pairs", Fixture.pairs, "--limit", "9", "--out", "s"]
    #expect(try Transcript(fit, in: folder).status == 0)
    let other = try Transcript(["explain", "s", "--model", Fixture.model("gpt2")], in: folder)
    #expect(other.status == 1 && other.errors.contains("another family or size"))
    #expect(try Transcript(["explain", "s", "--model", model, "--top", "0"], in: folder).status == 64)
  }
}
