import Checkpoints
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

  @Test("Texts are placed along a direction by the embeddings that embed writes, largest and smallest first")
  func texts() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let fit = [
      "fit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--rank", "2", "--layers", "2-3", "--out",
      "s",
    ]
    #expect(try Transcript(fit, in: folder).status == 0)
    try folder.write("The cook wrote\n2 + 2 =\nAnd then she said so\nno\nIt is late\n", "t.txt")
    #expect(try Transcript(["embed", model, "--texts", "t.txt", "--out", "e"], in: folder).status == 0)
    let arguments = ["explain", "s", "--model", model, "--texts", "t.txt", "--top-texts", "2"]
    let text = try Transcript(arguments, in: folder)
    #expect(text.status == 0 && text.output.contains("The cook wrote"), "\(text.errors)")
    for line in text.output.split(separator: "\n") { #expect(line.count <= 100) }
    let run = try Transcript(arguments + ["--json"], in: folder)
    let (file, subspace) = (
      try SafetensorsFile(path: folder.url("e").path), try SafetensorsFile(path: folder.url("s").path)
    )
    let embeddings = try file.tensors.floats(try #require(file.tensors["embeddings"]))
    for block in try run.json()["blocks"]?.elements ?? [] {
      let number = try #require(block["block"]?.int)
      let entry = try #require(subspace.tensors["block.\(number).directions"])
      let (directions, hidden) = (try subspace.tensors.floats(entry), entry.shape[1])
      for (row, direction) in (block["directions"]?.elements ?? []).enumerated() {
        let expected = (0..<5).map { text in
          (0..<hidden).reduce(0.0) {
            $0 + Double(directions[row * hidden + $1])
              * Double(embeddings[((number - 1) * 5 + text) * hidden + $1])
          }
        }
        for (key, order) in [
          ("top_texts", expected.indices.sorted { expected[$0] > expected[$1] }),
          ("bottom_texts", expected.indices.sorted { expected[$0] < expected[$1] }),
        ] {
          let loads = direction[key]?.elements ?? []
          #expect(loads.map { $0["index"]?.int } == order.prefix(2).map { $0 })
          for load in loads {
            let (index, value) = (try #require(load["index"]?.int), load["coordinate"]?.double ?? .nan)
            #expect(abs(value - expected[index]) < 1e-4 * (1 + abs(expected[index])))
          }
        }
      }
    }
    try folder.write("\n", "empty.txt")
    let empty = try Transcript(["explain", "s", "--model", model, "--texts", "empty.txt", "-q"], in: folder)
    let none = try Transcript(["explain", "s", "--model", model, "--texts", "nothing", "-q"], in: folder)
    #expect([0, 1].contains(empty.status) && none.status == 1)
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
