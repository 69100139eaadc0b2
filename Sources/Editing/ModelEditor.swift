internal import Foundation
internal import Kernels
package import Tokenization
package import Transformer

/// Edits a model from Swift: the same three steps as `profs fit`, `profs apply` and `profs verify`.
///
/// ```swift
/// let editor = try ModelEditor(modelAt: "SmolLM2-135M")
/// let pairs = try PreferenceFile(path: "pairs.jsonl").pairs
/// let subspace = try editor.fit(pairs)
/// try editor.apply(subspace, writingTo: "SmolLM2-135M-edited")
///
/// let proof = try ModelEditor.verify("SmolLM2-135M-edited", base: "SmolLM2-135M")
/// for check in proof.checks { print(check.holds, check.claim, check.finding) }
/// ```
public struct ModelEditor: Sendable {
  /// Precision of matrix products; sums are in single precision in both.
  public enum Compute: String, Sendable {
    /// Single precision.
    case f32
    /// Brain floating point: products of numbers of 8 bits of precision.
    case bf16
  }

  /// What is edited.
  package let model: Model
  private let context: ComputeContext

  /// Opens a folder in Hugging Face layout or a GGUF file; weights are mapped, not read.
  ///
  /// - Parameters:
  ///   - compute: bf16 where the processor has it in hardware, when `nil`.
  ///   - threads: one for each processor, when `nil`.
  /// - Throws: where the model is not supported or its files are damaged; the error's text says what to do.
  public init(modelAt path: String, compute: Compute? = nil, threads: Int? = nil) throws {
    model = try Model(path: path)
    context = ComputeContext(
      threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
      precision: compute.map { $0 == .f32 ? .f32 : .bf16 } ?? (ComputePrecision.bf16IsNative ? .bf16 : .f32))
  }

  /// Number of the model's blocks.
  public var blocks: Int { model.configuration.blocks }

  /// The recipe that ``fit(chosen:rejected:recipe:neutral:)`` uses where none is given.
  public var standardRecipe: EditRecipe {
    EditRecipe.standard(
      model.standardMethod, blocks: model.configuration.blocks, hidden: model.configuration.hidden)
  }

  /// Finds what to change so that chosen texts are preferred to rejected ones.
  ///
  /// - Parameters:
  ///   - chosen: the preferred text of each pair, its prompt included.
  ///   - rejected: the other text of each pair, as many.
  ///   - neutral: the text that the recipe leaves alone as far as it can; not used by the published recipes.
  /// - Throws: ``EditingError`` where the sides differ in number, a text is empty, the recipe does not fit the model, or the
  ///   fit does not fit in memory.
  public func fit(
    chosen: [String], rejected: [String], recipe: EditRecipe? = nil, neutral: NeutralText = .builtin
  ) throws -> EditSubspace {
    guard chosen.count == rejected.count else {
      throw EditingError(
        "pairs", "\(chosen.count) chosen texts cannot be paired with \(rejected.count) rejected ones")
    }
    let tokenizer = try model.tokenizer()
    return try fit(
      chosen: try chosen.map { try tokenizer.encode($0) },
      rejected: try rejected.map { try tokenizer.encode($0) }, tokenizer, recipe ?? standardRecipe, neutral)
  }

  /// The same for token ids.
  package func fit(
    chosen: [[Int32]], rejected: [[Int32]], _ tokenizer: Tokenizer, _ recipe: EditRecipe,
    _ neutral: NeutralText
  ) throws -> EditSubspace {
    let fitting = try SubspaceFitting(
      model, context, recipe, chosen: chosen, rejected: rejected,
      neutral: try neutral.tokens(for: recipe.method, tokenizer), padding: tokenizer.eosID ?? 0)
    try fitting.memoryPlan().requireRoom(for: model.path)
    return try fitting.run()
  }

  /// Writes the model with the subspace's change made to its MLP-value matrices.
  ///
  /// - Parameters:
  ///   - strength: share that is removed; 1 for all of it.
  ///   - format: what is written: a folder, or one file.
  ///   - path: appears complete, with receipt and model card, or not at all; must not exist. The name of a file ends in
  ///     `.gguf`, and what tells of it goes to the folder `path.profs`; that of a folder does not.
  @discardableResult
  public func apply(
    _ subspace: EditSubspace, strength: Double = 1, format: OutputFormat = .checkpoint,
    writingTo path: String
  ) throws -> Receipt {
    try format.check(path: path)
    return try EditApplication(model, subspace, strength: strength, seed: context.seed, format: format)
      .write(to: path)
  }

  /// Proves an edit from its files, and against the base model where one is given.
  public static func verify(_ folder: String, base: String? = nil) throws -> Verification {
    try Verification(of: folder, base: try base.map { try Model(path: $0) })
  }
}
