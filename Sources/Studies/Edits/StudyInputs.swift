package import Evaluation
package import Kernels
package import Tokenization
package import Training
package import Transformer

/// The model that sweeps are about, the pairs that change it, and what it is measured on.
package struct StudyInputs {
  /// The pairs as each method takes them; all of one length.
  package struct Pairs {
    /// Each pair's preferred side.
    package var chosen: [[Int32]]
    /// Its other side.
    package var rejected: [[Int32]]
    /// Both, with what is prompt and what is response.
    package var scored: [ScoredPair]

    /// Pairs in both forms.
    package init(chosen: [[Int32]], rejected: [[Int32]], scored: [ScoredPair]) {
      precondition(chosen.count == rejected.count && chosen.count == scored.count, "the same pairs")
      (self.chosen, self.rejected, self.scored) = (chosen, rejected, scored)
    }

    /// Number of pairs.
    package var count: Int { chosen.count }
  }

  /// What is measured of each model.
  package struct Measured {
    /// Windows of a text; `nil` for no perplexity.
    package var windows: TextWindows?
    /// How their losses are averaged.
    package var weighting: Perplexity.Weighting
    /// Prompts to continue, those of a category one after another; none for no continuations.
    package var prompts: [String]
    /// Which of them are measured by themselves too, by the category's name.
    package var categories: [(name: String, prompts: Range<Int>)]
    /// Continuations of each prompt.
    package var samples: Int
    /// How they are made.
    package var decoding: Decoder.Options
    /// What judges them.
    package var scorers: [any ToxicityScorer]

    /// What is measured, from its parts.
    package init(
      windows: TextWindows?, weighting: Perplexity.Weighting, prompts: [String],
      categories: [(name: String, prompts: Range<Int>)] = [], samples: Int, decoding: Decoder.Options,
      scorers: [any ToxicityScorer]
    ) {
      self.categories = categories
      (self.windows, self.weighting, self.prompts) = (windows, weighting, prompts)
      (self.samples, self.decoding, self.scorers) = (samples, decoding, scorers)
    }
  }

  /// The model.
  let model: Model
  /// Its tokenizer.
  let tokenizer: Tokenizer
  /// Threads, precision and seed.
  let context: ComputeContext
  /// The pairs.
  let pairs: Pairs
  /// Neutral text, for the recipes that use it.
  let neutral: [[Int32]]
  /// What is measured.
  let measured: Measured

  /// A model with its pairs, and what is measured of it.
  package init(
    _ model: Model, _ tokenizer: Tokenizer, _ context: ComputeContext, pairs: Pairs, neutral: [[Int32]],
    measured: Measured
  ) {
    (self.model, self.tokenizer, self.context) = (model, tokenizer, context)
    (self.pairs, self.neutral, self.measured) = (pairs, neutral, measured)
  }

  /// The points of `sweeps` for this model and these pairs.
  package func plan(_ sweeps: [StudySweep<EditSettings>], subsets: Int) -> StudyPlan {
    StudyPlan(
      sweeps, subsets: subsets, blocks: model.configuration.blocks, hidden: model.configuration.hidden,
      pairs: pairs.count)
  }
}
