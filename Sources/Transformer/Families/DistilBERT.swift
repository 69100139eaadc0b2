internal import Kernels

extension ModelFamily {
  /// DistilBERT: BERT without segments and pooler; its classification head has a ReLU between its two matrices.
  package static let distilBERT = ModelFamily(
    name: "DistilBERT",
    modelTypes: ["distilbert"],
    architectures: ["DistilBertModel", "DistilBertForSequenceClassification"],
    tensorNames: [
      .tokenEmbedding: "distilbert.embeddings.word_embeddings.weight",
      .positionEmbedding: "distilbert.embeddings.position_embeddings.weight",
      .embeddingNorm: "distilbert.embeddings.LayerNorm.weight",
      .query: "distilbert.transformer.layer.{}.attention.q_lin.weight",
      .key: "distilbert.transformer.layer.{}.attention.k_lin.weight",
      .value: "distilbert.transformer.layer.{}.attention.v_lin.weight",
      .attentionOutput: "distilbert.transformer.layer.{}.attention.out_lin.weight",
      .attentionNorm: "distilbert.transformer.layer.{}.sa_layer_norm.weight",
      .mlpUp: "distilbert.transformer.layer.{}.ffn.lin1.weight",
      .mlpValue: "distilbert.transformer.layer.{}.ffn.lin2.weight",
      .mlpNorm: "distilbert.transformer.layer.{}.output_layer_norm.weight",
      .classifierDense: "pre_classifier.weight",
      .classifier: "classifier.weight",
    ],
    prefix: "distilbert.",
    configuration: { config in
      let hidden = try config.count("dim", default: 768)
      let heads = try config.count("n_heads", default: 12)
      let sizes = ModelConfiguration(
        blocks: try config.count("n_layers", default: 6),
        hidden: hidden,
        intermediate: try config.count("hidden_dim", default: 3072),
        heads: heads,
        keyValueHeads: heads,
        headDimension: max(1, hidden / heads),
        vocabulary: try config.count("vocab_size"),
        maximumPositions: try config.count("max_position_embeddings", default: 512),
        activation: try config.activation("activation", default: .gelu),
        normEpsilon: 1e-12,
        tiedHead: true)
      return try config.encoder(sizes, offset: 0, segments: 1, classifierActivation: .relu)
    })
}
