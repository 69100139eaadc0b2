import Foundation
import Storage
import Testing

/// Edits written as GGUF files, as people run it.
@Suite struct GGUFTranscriptTests {
  @Test("The name of the output makes it a GGUF file, which every command takes", arguments: [true, false])
  func mainJob(_ fromFolder: Bool) throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model(fromFolder ? "llama-untied" : "gguf/llama-untied.gguf")
    let edit = try Transcript(
      ["edit", model, "--pairs", Fixture.pairs, "--recipe", "paper", "--out", "out.gguf", "--json"],
      in: folder)
    #expect(edit.status == 0 && edit.errors.isEmpty, "\(edit.errors)")
    let changed = try #require(try edit.json()["changed"]?.elements)
    #expect(changed.map { $0["tensor"]?.string } == [1, 2].map { "blk.\($0).ffn_down.weight" })
    #expect(
      changed.allSatisfy { $0["quantization_error"] == nil && $0["relative_change"]?.double ?? 0 > 0.01 })
    for arguments in [["verify", "out.gguf"], ["verify", "out.gguf", "--base", model]] {
      let run = try Transcript(arguments, in: folder)
      #expect(run.status == 0 && run.output.contains("✓ the whole file") && !run.output.contains("✗"))
    }
    let run = try Transcript(
      ["generate", model, "--against", "out.gguf", "--prompt", "a b", "--json"], in: folder)
    #expect(run.status == 0, "\(run.errors)")
    // Once more, the name is taken.
    let again = try Transcript(["edit", model, "--pairs", Fixture.pairs, "--out", "out.gguf"], in: folder)
    #expect(again.status == 1 && again.errors.contains("exists already"))
  }

  @Test("apply says what quantising adds, and writes adapters too")
  func halves() throws {
    let folder = try TemporaryFolder()
    let model = URL(filePath: Fixture.pairs).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "quantized.gguf").path
    try folder.write(
      #"{"chosen": "q a", "rejected": "q b c"}"# + "\n" + #"{"chosen": "a", "rejected": "d d"}"#, "p.jsonl")
    let fit = try Transcript(
      [
        "fit", model, "--pairs", "p.jsonl", "--recipe", "paper", "--rank", "1", "--layers", "1-3", "--out",
        "s.safetensors",
      ],
      in: folder)
    #expect(fit.status == 0, "\(fit.errors)")
    let apply = ["apply", model, "--subspace", "s.safetensors", "--out"]
    let own = try Transcript(apply + ["own.gguf"], in: folder)
    #expect(
      own.status == 0 && own.output.contains("quantising them as Q4_0, Q5_1, Q8_0 adds an error of "),
      "\(own.errors)")
    #expect(!own.output.contains("as they were it would be"))
    let other = try Transcript(apply + ["other.gguf", "--gguf-type", "q4_k"], in: folder)
    #expect(other.status == 0 && other.output.contains("quantising them as Q4_K adds an error of "))
    #expect(other.output.contains("; as they were it would be up to "))
    let json = try Transcript(apply + ["json.gguf", "--gguf-type", "q4_k", "--json"], in: folder)
    let changed = try #require(try json.json()["changed"]?.elements)
    #expect(changed.count == 3)
    for tensor in changed {
      #expect(tensor["quantization_error"]?.double ?? 0 > 0.01)
      #expect(tensor["quantization_error_of_base"]?.double ?? 0 > 0.01)
    }
    let adapter = try Transcript(apply + ["adapter.gguf", "--format", "lora"], in: folder)
    #expect(adapter.status == 0 && adapter.output.contains("3 matrices edited by the adapter"))
    let proof = try Transcript(["verify", "adapter.gguf", "--base", model], in: folder)
    #expect(proof.status == 0 && !proof.output.contains("✗"))
    for options in [
      ["folder", "--format", "gguf"], ["x.gguf", "--format", "checkpoint"],
      ["folder", "--gguf-type", "q8_0"],
      ["x.gguf", "--gguf-type", "q8_k"], ["x.gguf", "--format", "lora", "--gguf-type", "q8_0"],
    ] {
      #expect(try Transcript(apply + options, in: folder).status == 64, "\(options)")
    }
    // From a folder every matrix is stored anew, and the card does not claim that it kept its bytes.
    let made = try Transcript(
      [
        "edit", Fixture.model("llama-untied"), "--pairs", Fixture.pairs, "--out", "made.gguf", "--gguf-type",
        "f16", "-q",
      ], in: folder)
    #expect(made.status == 0, "\(made.errors)")
    func card(_ name: String) throws -> String {
      String(decoding: try folder.read(name + ".profs/README.md"), as: UTF8.self)
    }
    #expect(try card("made.gguf").contains("is the base's, matrices as F16 or"))
    #expect(try !card("made.gguf").contains("byte for byte") && card("own.gguf").contains("byte for byte"))
  }
}
