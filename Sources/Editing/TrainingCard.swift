/// The README.md of a trained model: what was done, how to use it, what it does not promise.
struct TrainingCard {
  private let receipt: TrainingReceipt

  /// The card of what `receipt` tells of.
  init(_ receipt: TrainingReceipt) { self.receipt = receipt }

  /// The card as Markdown, with the Hub's metadata before it.
  var text: String {
    let provenance = receipt.provenance
    let method = provenance.method.uppercased()
    return """
      ---
      base_model: \(receipt.baseName)
      \(receipt.output == .lora ? "library_name: peft\n" : "")tags: [profs, \(provenance.method), detoxification]
      ---
      # \(receipt.baseName), trained by \(method)

      \(adapterNote)\(provenance.trained), in \(provenance.steps) \
      \(provenance.steps == 1 ? "step" : "steps") on \(provenance.pairs.count) preference pairs, with \
      \(provenance.validation.count) more to tell which weights to keep. \
      \(receipt.output == .lora ? "" : "No other tensor was trained. ")This is the baseline that edits with ProFS \
      (arXiv 2405.13967) are compared with.

      `\(Receipt.fileName)` lists what went in and the SHA-256 of every tensor, `\(TrainedModel.recordName)` the loss step by \
      step. To check both: `profs verify THIS_FOLDER --base BASE`.

      ## Limits

      - Training lowers the probability of the pairs' rejected sides beside that of the chosen ones. It does not make the
        model safe, and it is not proof against somebody who trains or prompts the behaviour back.
      - What it costs in fluency and knowledge depends on model and settings: measure it on your own texts before you
        rely on it.

      """
  }

  private var adapterNote: String {
    guard receipt.output == .lora else { return "" }
    return """
      This is a LoRA adapter: load the base, then `PeftModel.from_pretrained(base, THIS_FOLDER)`.


      """
  }
}
