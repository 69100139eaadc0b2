/// What a tensor is for in the model, whatever its file calls it.
package enum WeightRole: String, Sendable, Hashable, CaseIterable {
  case tokenEmbedding
  case finalNorm
  case outputHead
  case attentionNorm
  case query
  case key
  case value
  case attentionOutput
  case mlpNorm
  case mlpGate
  case mlpUp
  /// The second matrix of the MLP, whose outputs are what an edit projects: `down_proj`, `c_proj`, `fc_out` ….
  case mlpValue

  /// Whether there is one of them in every block.
  package var isPerBlock: Bool {
    switch self {
    case .tokenEmbedding, .finalNorm, .outputHead: false
    default: true
    }
  }
}
