package import Evaluation
package import Kernels
package import Tokenization
package import Transformer

/// The model that a study is about, and what continues and judges its texts.
package struct StudySubject {
  /// The model.
  let model: Model
  /// Its tokenizer.
  let tokenizer: Tokenizer
  /// What judges texts.
  let scorer: any ToxicityScorer
  /// Threads, precision and seed.
  let context: ComputeContext

  /// A model with its tokenizer, a scorer, and how to compute.
  package init(
    _ model: Model, _ tokenizer: Tokenizer, _ scorer: any ToxicityScorer, _ context: ComputeContext
  ) {
    (self.model, self.tokenizer, self.scorer, self.context) = (model, tokenizer, scorer, context)
  }
}
