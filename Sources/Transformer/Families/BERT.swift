internal import Kernels

extension ModelFamily {
  /// BERT and sentence encoders built on it (MiniLM): bidirectional, norms after each sum.
  package static let bert = ModelFamily(
    name: "BERT",
    modelTypes: ["bert"],
    architectures: ["BertModel", "BertForSequenceClassification"],
    tensorNames: encoderTensorNames("bert."),
    prefix: "bert.",
    configuration: { try $0.encoder(offset: 0) })

  /// RoBERTa: BERT with positions counted from behind the padding token's id.
  package static let roberta = ModelFamily(
    name: "RoBERTa",
    modelTypes: ["roberta", "xlm-roberta"],
    architectures: [
      "RobertaModel", "RobertaForSequenceClassification", "XLMRobertaForSequenceClassification",
    ],
    tensorNames: encoderTensorNames("roberta."),
    prefix: "roberta.",
    configuration: { try $0.encoder(offset: try $0.index("pad_token_id", default: 1) + 1) })

  private static func encoderTensorNames(_ prefix: String) -> [WeightRole: String] {
    [
      .tokenEmbedding: prefix + "embeddings.word_embeddings.weight",
      .positionEmbedding: prefix + "embeddings.position_embeddings.weight",
      .segmentEmbedding: prefix + "embeddings.token_type_embeddings.weight",
      .embeddingNorm: prefix + "embeddings.LayerNorm.weight",
      .query: prefix + "encoder.layer.{}.attention.self.query.weight",
      .key: prefix + "encoder.layer.{}.attention.self.key.weight",
      .value: prefix + "encoder.layer.{}.attention.self.value.weight",
      .attentionOutput: prefix + "encoder.layer.{}.attention.output.dense.weight",
      .attentionNorm: prefix + "encoder.layer.{}.attention.output.LayerNorm.weight",
      .mlpUp: prefix + "encoder.layer.{}.intermediate.dense.weight",
      .mlpValue: prefix + "encoder.layer.{}.output.dense.weight",
      .mlpNorm: prefix + "encoder.layer.{}.output.LayerNorm.weight",
    ]
  }
}

extension ConfigReader {
  fileprivate func encoder(offset: Int) throws -> ModelConfiguration {
    let hidden = try count("hidden_size")
    let heads = try count("num_attention_heads")
    if let kind = text("position_embedding_type"), kind != "absolute" {
      throw ModelError(path, "\"position_embedding_type\" is \"\(kind)\"; supported: absolute")
    }
    var configuration = ModelConfiguration(
      blocks: try count("num_hidden_layers"),
      hidden: hidden,
      intermediate: try count("intermediate_size"),
      heads: heads,
      keyValueHeads: heads,
      headDimension: max(1, hidden / heads),
      vocabulary: try count("vocab_size"),
      maximumPositions: max(1, try count("max_position_embeddings", default: 512) - offset),
      activation: try activation("hidden_act", default: .gelu),
      normEpsilon: Float(try number("layer_norm_eps", default: 1e-12)),
      tiedHead: true)
    configuration.norm = .layer
    configuration.positions = .learned(offset: offset)
    configuration.normsFollowResidual = true
    configuration.isCausal = false
    configuration.segments = try count("type_vocab_size", default: 2)
    return configuration
  }
}
