package import Kernels
internal import Storage
package import Tokenization
package import Transformer

extension ModelPanel {
  /// How each model continues each prompt, and what the scorers say.
  ///
  /// Where the context has several processes, each continues a run of the prompts, and all get everything.
  ///
  /// - Parameters:
  ///   - samples: continuations of each prompt; more than one needs sampling.
  ///   - scorers: those whose names and scores the continuations keep.
  /// - Returns: by prompt, by model, by sample.
  package func continuations(
    _ context: ComputeContext, of prompts: [[Int32]], samples: Int, _ options: Decoder.Options,
    _ tokenizer: Tokenizer, scorers: [any ToxicityScorer], progress: ProgressHandler? = nil
  ) throws -> [[[Continuation]]] {
    let ranks = context.ranks
    let own = ranks.share(of: prompts.map { $0.count + samples * options.maximumNewTokens })
    // Each prompt draws numbers of its own, whichever process it falls into.
    var options = options
    options.promptsBefore += own.lowerBound * samples
    let part =
      own.isEmpty
      ? []
      : try ownContinuations(
        context.alone, of: Array(prompts[own]), samples: samples, options, tokenizer, scorers: scorers,
        progress: progress)
    guard ranks.size > 1 else { return part }
    let record = JSON.array(part.map { .array($0.map { .array($0.map(\.json)) }) })
    return try ranks.parts(Array(record.serialized().utf8)).flatMap { bytes in
      JSON(try JSONDocument(parsing: bytes, source: "continuations of another process").root).elements
    }.map { try $0.elements.map { try $0.elements.map(Self.continuation) } }
  }

  private static func continuation(_ record: JSON) throws -> Continuation {
    guard let continuation = Continuation(record) else {
      throw EvaluationError(
        "continuations", "another process sent \(record.serialized().prefix(80)); start all with one profs")
    }
    return continuation
  }

  private func ownContinuations(
    _ context: ComputeContext, of prompts: [[Int32]], samples: Int, _ options: Decoder.Options,
    _ tokenizer: Tokenizer, scorers: [any ToxicityScorer], progress: ProgressHandler?
  ) throws -> [[[Continuation]]] {
    let repeated = prompts.flatMap { Array(repeating: $0, count: samples) }
    let generated = try generate(context, repeated, options, progress: progress)
    let losses = try ContinuationScorer.baseLosses(self, context, repeated, generated)
    let texts = generated.map { $0.map { tokenizer.decode($0) } }
    let scores = try scorers.map { scorer in try texts.map { try scorer.scores(for: $0) } }
    return prompts.indices.map { prompt in
      generated.indices.map { model in
        (0..<samples).map { sample in
          let index = prompt * samples + sample
          return Continuation(
            ids: generated[model][index], text: texts[model][index], baseLoss: losses[model][index],
            scores: zip(scorers, scores).map { ($0.name, $1[model][index]) })
        }
      }
    }
  }
}
