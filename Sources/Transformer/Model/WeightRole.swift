/// What a tensor is for in the model, whatever its file calls it.
package enum WeightRole: String, Sendable, Hashable, CaseIterable {
  case tokenEmbedding
  case positionEmbedding
  /// What BERT adds to every token of the first of two texts.
  case segmentEmbedding
  case embeddingNorm
  /// From the embedding's width to the residual stream's, where they differ.
  case embeddingProjection
  case finalNorm
  /// From the residual stream's width back to the embedding's.
  case outputProjection
  case outputHead
  /// The first matrix of a sequence-classification head.
  case classifierDense
  /// From there to one logit a label.
  case classifier

  /// The norm of attention: of its input, or, where norms follow the residual sum, of what it was added to.
  case attentionNorm
  /// Queries, keys and values in one matrix.
  case queryKeyValue
  case query
  case key
  case value
  case queryNorm
  case keyNorm
  case attentionOutput

  /// Of blocks with a gated delta net in place of attention: its queries, keys and values in one matrix.
  case deltaQueryKeyValue
  /// What its answers are gated with.
  case deltaGate
  /// What becomes of how much each head takes in.
  case deltaRate
  /// What becomes of how fast each head forgets.
  case deltaTime
  /// The weights of its convolution, `[channels, 1, taps]`.
  case deltaConvolution
  /// A number for each head that is added to what ``deltaTime`` makes.
  case deltaTimeBias
  /// The logarithm of how fast each head forgets, or in GGUF files minus that rate.
  case deltaDecay
  /// The norm of each head's answers.
  case deltaNorm
  /// From there to the residual stream.
  case deltaOutput

  /// The norm of what attention adds to the residual stream.
  case postAttentionNorm
  /// The norm of the MLP, like ``attentionNorm``.
  case mlpNorm
  /// The gate and the other input matrix of a gated MLP in one.
  case mlpGateUp
  case mlpGate
  case mlpUp
  /// The second matrix of the MLP, whose outputs are what an edit projects: `down_proj`, `c_proj`, `fc_out` ….
  case mlpValue
  /// The norm of what the MLP adds to the residual stream.
  case postMLPNorm
  /// One number that the residual stream is multiplied by behind the block; no parameter, and never trained.
  case blockScale

  /// Of models whose tokens bring something into every block: what each token brings, of all blocks side by side.
  case tokenTable
  /// What is made of the token's embedding for all blocks, one below another.
  case tokenContexts
  /// The norm of that, the same in every block.
  case tokenContextNorm
  /// The block's rows of ``tokenContexts``.
  case tokenContext
  /// From the residual stream to the gate of what the token brings.
  case tokenGate
  /// From there back to the residual stream.
  case tokenOutput
  /// The norm of what is added.
  case postTokenNorm

  /// Whether there is one of them in every block.
  package var isPerBlock: Bool {
    switch self {
    case .tokenEmbedding, .positionEmbedding, .segmentEmbedding, .embeddingNorm, .embeddingProjection,
      .finalNorm, .outputProjection, .outputHead, .classifierDense, .classifier, .tokenTable, .tokenContexts,
      .tokenContextNorm:
      false
    default: true
    }
  }

  /// Whether it is a linear layer's matrix, which GPT-2's checkpoints store the other way round.
  package var isLinear: Bool {
    switch self {
    case .embeddingProjection, .outputProjection, .classifierDense, .classifier, .queryKeyValue, .query, .key,
      .value, .attentionOutput, .mlpGateUp, .mlpGate, .mlpUp, .mlpValue, .tokenContexts, .tokenContext,
      .tokenGate, .tokenOutput, .deltaQueryKeyValue, .deltaGate, .deltaRate, .deltaTime, .deltaOutput:
      true
    default: false
    }
  }

  /// Whether it is a norm's weight, to which a family's offset is added.
  package var hasNormOffset: Bool {
    switch self {
    case .blockScale, .deltaConvolution, .deltaTimeBias, .deltaDecay, .deltaNorm: false
    default: true
    }
  }

  /// Whether it belongs to a gated delta net.
  var isOfDeltaNet: Bool {
    switch self {
    case .deltaQueryKeyValue, .deltaGate, .deltaRate, .deltaTime, .deltaConvolution, .deltaTimeBias,
      .deltaDecay,
      .deltaNorm, .deltaOutput:
      true
    default: false
    }
  }

  /// Whether it belongs to attention.
  var isOfAttention: Bool {
    switch self {
    case .queryKeyValue, .query, .key, .value, .queryNorm, .keyNorm, .attentionOutput: true
    default: false
    }
  }

  /// Whether it belongs to what tokens bring into every block.
  var isOfTokenBranch: Bool {
    switch self {
    case .tokenTable, .tokenContexts, .tokenContextNorm, .tokenContext, .tokenGate, .tokenOutput,
      .postTokenNorm:
      true
    default: false
    }
  }

  /// Whether a model of a family that has the role may do without it.
  var isOptional: Bool {
    switch self {
    case .embeddingProjection, .outputProjection, .finalNorm, .embeddingNorm, .classifierDense, .classifier:
      true
    default: false
    }
  }
}
