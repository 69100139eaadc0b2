import Foundation
import ProFS
import Testing

/// The Swift code of the documents, line by line.
///
/// `Scripts/check.sh` finds each of their blocks here: of the README, of the catalog `ProFS.docc`, and of documentation comments.
@Suite struct DocumentExamples {
  @Test("The documents' Swift does what they say, in a folder that has their model and pairs")
  func run() async {
    // The paths are relative, and a process has but one current folder.
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let files = FileManager.default
      try files.copyItem(atPath: PaperGoldens.all[0].folder, toPath: folder.path("SmolLM2-135M"))
      try files.copyItem(atPath: PaperGoldens.all[0].pairsPath, toPath: folder.path("pairs.jsonl"))
      try #require(files.changeCurrentDirectoryPath(folder.path))
      try DocumentExamples.model()
      try DocumentExamples.matrices()
    }
  }

  /// README, overview of the catalog, and comment of `ModelEditor`.
  private static func model() throws {
    let editor = try ModelEditor(modelAt: "SmolLM2-135M")
    let pairs = try PreferenceFile(path: "pairs.jsonl").pairs
    let subspace = try editor.fit(pairs)
    try editor.apply(subspace, writingTo: "SmolLM2-135M-edited")

    let proof = try ModelEditor.verify("SmolLM2-135M-edited", base: "SmolLM2-135M")
    for check in proof.checks { print(check.holds, check.claim, check.finding) }
    try #require(proof.holds && proof.checks.count > 1)

    try subspace.write(to: "subspace.safetensors")

    let part = try EditSubspace(path: "subspace.safetensors").restricted(to: 3...3, rank: 1)
    let receipt = try editor.apply(part, strength: 0.5, format: .lora, writingTo: "adapter")
    for tensor in receipt.edited { print(tensor.name, tensor.edit?.relativeChange ?? 0) }
    try #require(receipt.edited.map(\.edit?.block) == [3])
    try #require(FileManager.default.fileExists(atPath: "adapter/adapter_model.safetensors"))
  }

  /// The catalog's article, and the comment of `WeightProjection`.
  private static func matrices() throws {
    // Three pairs whose sides differ along the last of four dimensions.
    let chosen = try Embeddings(count: 3, hidden: 4, values: [1, 2, 0, 0, 1, 1, 1, 0, 2, 1, 0, 0])
    let rejected = try Embeddings(count: 3, hidden: 4, values: [1, 2, 0, 3, 1, 1, 1, 2, 2, 1, 0, 4])
    let preference = try PreferenceMatrix(rejected: rejected, chosen: chosen)
    let subspace = try BlockSubspace(fitting: preference, rank: 1)

    // A matrix that writes four dimensions from two.
    let shape = WeightShape(layout: .outputsByInputs, outputs: 4, inputs: 2)
    var weights: [Float] = [1, 2, 3, 4, 5, 6, 7, 8]
    var projection = try WeightProjection(removing: subspace, from: shape)
    try projection.observe(weights.span, rows: 0..<shape.rows)
    var edited = weights.mutableSpan
    try projection.edit(&edited, rows: 0..<shape.rows)

    try #require(weights[..<6].elementsEqual([1, 2, 3, 4, 5, 6]))
    try #require(weights[6...].allSatisfy { abs($0) < 1e-6 })
  }
}
