import Foundation
import ProFS
import Testing

/// The main job through the one public import, as a program that uses the package writes it.
@Suite struct PublicAPITests {
  @Test("A Swift program fits, applies and verifies", arguments: PaperGoldens.all)
  func mainJob(_ goldens: PaperGoldens) throws {
    let folder = try TemporaryFolder()
    let editor = try ModelEditor(modelAt: goldens.folder, compute: .f32)
    #expect(editor.blocks == 3)
    #expect(editor.standardRecipe == EditRecipe(method: .natural, rank: 4, blocks: 2...3))
    let pairs = try PreferenceFile(path: goldens.pairsPath).pairs
    let subspace = try editor.fit(
      chosen: pairs.compactMap { $0.text(of: .chosen) },
      rejected: pairs.compactMap { $0.text(of: .rejected) },
      recipe: EditRecipe(rank: 3, blocks: 2...3))
    #expect(subspace.provenance.pairs == pairs.count && subspace.hidden == 48)
    let receipt = try editor.apply(subspace, writingTo: folder.path("out"))
    #expect(receipt.edited.count == 2)
    #expect(try ModelEditor.verify(folder.path("out")).holds)
    let proof = try ModelEditor.verify(folder.path("out"), base: goldens.folder)
    #expect(proof.holds && proof.receipt == receipt)

    // From a file, in fewer blocks and half as strong.
    try subspace.write(to: folder.path("s.safetensors"))
    let read = try EditSubspace(path: folder.path("s.safetensors")).restricted(to: 3...3, rank: 1)
    let half = try editor.apply(read, strength: 0.5, writingTo: folder.path("half"))
    #expect(half.strength == 0.5 && half.edited.map(\.edit?.block) == [3])
    // Neither could be verified.
    for (format, name) in [(OutputFormat.checkpoint, "a.gguf"), (.gguf, "a")] {
      #expect { try editor.apply(read, format: format, writingTo: folder.path(name)) } throws: {
        "\($0)".contains(".gguf") && $0 is EditingError
      }
    }
    let angles = try PrincipalAngles(
      between: try #require(read[3]).directions, and: try #require(subspace[3]).directions)
    #expect(angles.largestSine < 1e-6)
  }

  @Test("Conversations are fitted as the texts that the model's chat template makes of them")
  func conversations() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: PaperGoldens.all[0].folder, toPath: folder.path("model"))
    let recipe = EditRecipe(rank: 2, blocks: 2...3)
    let spoken = (0..<6).map { index in
      PreferencePair(
        prompt: .text("Say \(index)"),
        chosen: .messages([ChatMessage(role: "assistant", content: "Yes \(index * index)")]),
        rejected: .messages([ChatMessage(role: "assistant", content: "No \(index * 7), go")]), line: index + 1
      )
    }
    // Without a template only texts can be fitted.
    let mute = try ModelEditor(modelAt: folder.path("model"), compute: .f32)
    let said = (0..<6).map { PreferencePair(chosen: .text("yes \($0)"), rejected: .text("go \($0)")) }
    #expect(try mute.fit(said, recipe: recipe).provenance.pairs == 6)
    #expect { try mute.fit(spoken, recipe: recipe) } throws: {
      $0 is EditingError && "\($0)".contains("pair 1") && "\($0)".contains("chat")
    }
    let template =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
      + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    try template.write(toFile: folder.path("model/chat_template.jinja"), atomically: true, encoding: .utf8)
    let editor = try ModelEditor(modelAt: folder.path("model"), compute: .f32)
    func written(_ index: Int, _ answer: String) -> String {
      "<|im_start|>user\nSay \(index)<|im_end|>\n<|im_start|>assistant\n\(answer)<|im_end|>\n"
    }
    let texts = try editor.fit(
      chosen: (0..<6).map { written($0, "Yes \($0 * $0)") },
      rejected: (0..<6).map { written($0, "No \($0 * 7), go") }, recipe: recipe)
    #expect(try editor.fit(spoken, recipe: recipe).blocks == texts.blocks)
  }

  @Test("Sides that differ in number are refused")
  func unpaired() throws {
    let editor = try ModelEditor(modelAt: PaperGoldens.all[0].folder)
    #expect { try editor.fit(chosen: ["a", "b"], rejected: ["c"]) } throws: {
      $0 is EditingError && "\($0)".contains("2 chosen")
    }
    #expect { try editor.fit(chosen: [], rejected: []) } throws: { "\($0)".contains("none") }
  }
}
