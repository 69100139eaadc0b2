internal import Checkpoints
internal import Kernels
internal import Storage

extension ModelFamily {
  /// BERT and sentence encoders built on it (MiniLM): bidirectional, norms after each sum; its classification head is
  /// the pooler and one more matrix.
  package static let bert = ModelFamily(
    name: "BERT",
    modelTypes: ["bert"],
    architectures: ["BertModel", "BertForSequenceClassification"],
    tensorNames: encoderTensorNames("bert.").merging([
      .classifierDense: "bert.pooler.dense.weight",
      .classifier: "classifier.weight",
    ]) { $1 },
    prefix: "bert.",
    configuration: { try $0.bertLike(offset: 0) },
    // RoBERTa's files are such ones too, with the first rows of the positions left out.
    gguf: GGUFNames(
      architecture: "bert",
      tensorNames: [
        .tokenEmbedding: "token_embd.weight",
        .positionEmbedding: "position_embd.weight",
        .segmentEmbedding: "token_types.weight",
        .embeddingNorm: "token_embd_norm.weight",
        .query: "blk.{}.attn_q.weight",
        .key: "blk.{}.attn_k.weight",
        .value: "blk.{}.attn_v.weight",
        .attentionOutput: "blk.{}.attn_output.weight",
        .attentionNorm: "blk.{}.attn_output_norm.weight",
        .mlpUp: "blk.{}.ffn_up.weight",
        .mlpValue: "blk.{}.ffn_down.weight",
        .mlpNorm: "blk.{}.layer_output_norm.weight",
      ],
      values: [
        ("hidden_size", "embedding_length"), ("intermediate_size", "feed_forward_length"),
        ("num_hidden_layers", "block_count"), ("num_attention_heads", "attention.head_count"),
        ("max_position_embeddings", "context_length"), ("layer_norm_eps", "attention.layer_norm_epsilon"),
      ],
      fixedConfig: [("architectures", ["BertModel"]), ("model_type", "bert"), ("hidden_act", "gelu")],
      isCausal: false,
      complete: { file, config in
        if let kinds = file.file.tensors["token_types.weight"]?.shape.first {
          config["type_vocab_size"] = .int(kinds)
        }
      }))

  /// RoBERTa: BERT with positions counted from behind the padding token's id, and a classification head of its own.
  package static let roberta = ModelFamily(
    name: "RoBERTa",
    modelTypes: ["roberta", "xlm-roberta"],
    architectures: [
      "RobertaModel", "RobertaForSequenceClassification", "XLMRobertaForSequenceClassification",
    ],
    tensorNames: encoderTensorNames("roberta.").merging([
      .classifierDense: "classifier.dense.weight",
      .classifier: "classifier.out_proj.weight",
    ]) { $1 },
    prefix: "roberta.",
    configuration: { try $0.bertLike(offset: try $0.index("pad_token_id", default: 1) + 1) })

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
  fileprivate func bertLike(offset: Int) throws -> ModelConfiguration {
    try refuseUnless("position_embedding_type", isOneOf: ["absolute"])
    guard try !flag("is_decoder", default: false) else {
      throw ModelError(path, "\"is_decoder\": encoders that are used as decoders are not supported")
    }
    let hidden = try count("hidden_size")
    let heads = try count("num_attention_heads")
    let configuration = ModelConfiguration(
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
    return try encoder(configuration, offset: offset, segments: try count("type_vocab_size", default: 2))
  }

  /// What BERT and its descendants have in common, given their sizes.
  ///
  /// - Parameter offset: row of the position embedding that the first token gets.
  func encoder(
    _ sizes: ModelConfiguration, offset: Int, segments: Int, classifierActivation: Activation = .tangent
  ) throws -> ModelConfiguration {
    var configuration = sizes
    configuration.norm = .layer
    configuration.positions = .learned(offset: offset)
    configuration.normsFollowResidual = true
    configuration.isCausal = false
    configuration.segments = segments
    configuration.labels = try labels()
    configuration.classifierActivation = classifierActivation
    return configuration
  }

  /// The names of a classification head's labels: `id2label`, or as many as `num_labels` says, or two.
  private func labels() throws -> [String] {
    guard let names = self["id2label"] else {
      let labels = try count("num_labels", default: 2)
      guard labels <= 1 << 16 else {
        throw ModelError(path, "\"num_labels\" is \(labels), more than any classifier has")
      }
      return (0..<labels).map { "LABEL_\($0)" }
    }
    guard names.kind == .object, names.count > 0 else {
      throw ModelError(
        path, "\"id2label\" must be an object with a name for every label, found \(names.summary)")
    }
    var labels = [String?](repeating: nil, count: names.count)
    for (key, value) in names.members {
      guard let id = Int(key), labels.indices.contains(id), labels[id] == nil, let label = value.string else {
        throw ModelError(
          path,
          "\"id2label\" must name the labels 0 to \(names.count - 1), found \"\(key)\": \(value.summary)")
      }
      labels[id] = label
    }
    return labels.compactMap(\.self)
  }
}
