internal import Kernels
internal import Storage
internal import SubspaceEditing
internal import Transformer

/// The README.md of an edit's output: what was done, how to check it, what it does not promise.
struct ModelCard {
  private let receipt: Receipt
  private let model: Model

  /// The card of an edit of `model`.
  init(_ receipt: Receipt, _ model: Model) {
    self.receipt = receipt
    self.model = model
  }

  /// The card as Markdown, with the Hub's metadata before it.
  var text: String {
    let recipe = receipt.provenance.recipe
    let edits = receipt.edited.compactMap(\.edit)
    let blocks = edits.map(\.block)
    let change = edits.map(\.relativeChange).max() ?? 0
    let percent = (change * 1000).rounded() / 10
    return """
      ---
      base_model: \(receipt.baseName)
      \(receipt.output == .lora ? "library_name: peft\n" : "")tags: [profs, model-editing, detoxification]
      ---
      # \(receipt.baseName), edited with ProFS

      \(adapterNote)\(changeNote(edits.count, blocks)) (recipe `\(recipe.method.rawValue)`, \
      strength \(receipt.strength), \(receipt.provenance.pairs) preference pairs; ProFS, arXiv 2405.13967). \
      \(recipe.method == .natural ? "" : "No gradient step was taken. ")The most any matrix changed is \(percent) % of its norm; every other tensor \
      \(verbatimNote).

      \(partsNote)`\(Receipt.fileName)` lists what went in and the SHA-256 of every tensor, `\(Receipt.subspaceFileName)` holds the \
      directions. To check both against the base model: `profs verify \(receipt.output.isFile ? "THE_FILE.gguf" : "THIS_FOLDER") --base BASE`.

      ## Limits

      - The edit lowers the probability of what the pairs' rejected sides have in common. It does not make the model
        safe, and it is not proof against somebody who trains or prompts the behaviour back.
      - What it costs in fluency and knowledge depends on model and rank: measure it on your own texts with
        `profs perplexity` before you rely on it.
      - A direction can carry more than the behaviour it was fitted for. Texts about groups that are often insulted
        deserve a look of their own.

      """
  }

  private func changeNote(_ count: Int, _ blocks: [Int]) -> String {
    let matrices = "\(count) MLP-value matrices (blocks \(blocks.min() ?? 0) to \(blocks.max() ?? 0))"
    let verb = receipt.output.isAdapter ? "are" : "were"
    guard receipt.provenance.recipe.method.isProjection else {
      return
        "\(matrices) \(verb) changed by one step of natural gradient, of rank \(receipt.provenance.recipe.rank), from "
        + "rejected texts towards chosen ones"
    }
    return
      "From \(matrices) \(rankPhrase) directions in which rejected texts differ \(rankingPhrase) from chosen ones "
      + "\(verb) projected out\(protectionNote)"
  }

  private var partsNote: String {
    let parts = receipt.provenance.parts.map {
      "`\($0.name)` (\($0.provenance.pairs) pairs, recipe `\($0.provenance.recipe.method.rawValue)`"
        + ($0.weight == 1 ? ")" : ", counted \($0.weight) times)")
    }
    return parts.isEmpty
      ? ""
      : "The directions are those of \(parts.count) subspaces together: \(parts.joined(separator: ", ")).\n\n"
  }

  private var rankPhrase: String {
    if !receipt.provenance.parts.isEmpty { return "up to \(receipt.provenance.recipe.rank)" }
    return switch receipt.provenance.recipe.rank {
    case .fixed(let rank): "the \(rank)"
    case .automatic:
      "those of the first \(RankChoice.automaticBound), at least one, that stand out from noise among the"
    }
  }

  /// Parts that were found in different ways have only in common that their sides differ.
  private var isOfOneRecipe: Bool {
    let recipes = receipt.provenance.parts.map(\.provenance.recipe)
    return recipes.allSatisfy {
      $0.method == recipes[0].method && $0.ranking == recipes[0].ranking
        && $0.protectedDirections == recipes[0].protectedDirections
    }
  }

  private var rankingPhrase: String {
    guard isOfOneRecipe else { return "most" }
    return switch receipt.provenance.recipe.ranking {
    case .singularValue: "most"
    case .consistency: "most consistently"
    case .mean:
      receipt.provenance.recipe.rank == .fixed(1)
        ? "on average" : "on average, and then those in which they differ most,"
    }
  }

  private var protectionNote: String {
    guard isOfOneRecipe else { return "" }
    let recipe = receipt.provenance.recipe
    switch recipe.method {
    case .paper, .detoxEdit, .natural: return ""
    case .oblique:
      return " by the oblique projection that changes least what is written on ordinary text"
    case .protected:
      return ", the \(recipe.protectedDirections) directions that matter most to ordinary text left alone"
    }
  }

  private var adapterNote: String {
    switch receipt.output {
    case .checkpoint: return ""
    case .gguf:
      guard let error = receipt.quantizationError else { return "" }
      return """
        The edited matrices are quantised as \(editedType), which adds an error of \
        \((error * 1e4).rounded() / 100) % of their norm.


        """
    case .loraGGUF:
      return """
        This is a LoRA adapter in GGUF: give it to llama.cpp beside the base with `--lora`. The strength is in its factors \
        and its scale is 1, so that no setting is needed.


        """
    case .lora: break
    }
    return """
      This is a LoRA adapter: load the base, then `PeftModel.from_pretrained(base, THIS_FOLDER)`; merged, it gives the \
      edited weights to rounding. The strength is in its factors and its scale is 1, so that no setting is needed.


      """
  }

  private var verbatimNote: String {
    if receipt.output.isAdapter { return "stays as it is" }
    switch (receipt.output, model.source) {
    case (.gguf, .gguf): return "and all metadata are as they were, byte for byte"
    case (.gguf, _):
      return
        "is the base's, matrices as \(editedType) or, where rows are no whole blocks of it, a type of smaller blocks, norms, "
        + "biases and positions as f32"
    case (_, .folder): return "is as it was, byte for byte"
    case (_, .torch): return "is as it was, element for element, in safetensors"
    case (_, .gguf): return "is as it was, converted from GGUF to \(OutputLayout.convertedType(model).name)"
    }
  }

  /// The types of the edited matrices, which differ in files of mixed types.
  private var editedType: String { Set(receipt.edited.map(\.type)).sorted().joined(separator: " and ") }
}
