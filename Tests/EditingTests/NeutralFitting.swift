import Editing
import Foundation
import Kernels
import PreferenceData
import Testing
import Tokenization
import Transformer

extension PaperGoldens {
  /// The neutral texts of `Scripts/fixtures/protected_reference.py`.
  static let neutralPath = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Fixtures/protected/neutral.jsonl").path

  /// A tensor that another script wrote for this checkpoint.
  static func reference(_ file: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/" + file).path
  }

  /// A fit of `recipe` to the checkpoint's 64 pairs and the neutral texts.
  func fitting(_ recipe: EditRecipe) throws -> SubspaceFitting {
    let model = try model()
    let (chosen, rejected) = try pairs(64, model)
    let tokenizer = try model.tokenizer()
    return try SubspaceFitting(
      model, ComputeContext(threads: 2, precision: .f32), recipe, chosen: chosen, rejected: rejected,
      neutral: try TextList(path: Self.neutralPath).texts.map { try tokenizer.encode($0) })
  }
}
