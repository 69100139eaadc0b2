package import Storage

/// A family of models as data: how its files name things and how its blocks differ from another family's.
///
/// A new family is one such value in `Families/`, one line in ``ModelFamily/all``, and one fixture.
package struct ModelFamily: Sendable {
  /// The family's name, for people.
  package var name: String
  /// `model_type` values of `config.json`.
  package var modelTypes: [String]
  /// `architectures` values of `config.json`, looked at when `model_type` is not known.
  package var architectures: [String]
  /// Tensor name of each role in a Hugging Face checkpoint; `{}` stands for the block's number from 0.
  ///
  /// A role without a name does not occur.
  package var tensorNames: [WeightRole: String]
  /// What stands before every name but the output head's in a checkpoint of the whole model, and is missing in one of
  /// its trunk alone.
  package var prefix = "model."
  /// How linear layers are stored.
  package var linearLayout: LinearLayout = .outputMajor
  /// Reads the configuration from `config.json`.
  package var configuration: @Sendable (ConfigReader) throws -> ModelConfiguration
  /// How a GGUF file holds the family; `nil` where none does.
  package var gguf: GGUFNames?

  /// How a linear layer's matrix is stored.
  package enum LinearLayout: Sendable, Hashable {
    /// `[outputs, inputs]`, as torch's `Linear` stores it.
    case outputMajor
    /// `[inputs, outputs]`, as GPT-2's `Conv1D` stores it.
    case inputMajor
  }

  /// How a GGUF file holds a family.
  package struct GGUFNames: Sendable {
    /// `general.architecture`.
    package var architecture: String
    /// What it is in new files, where these are of another architecture with the same names.
    package var newArchitecture: String?
    /// Tensor name of each role.
    package var tensorNames: [WeightRole: String]
    /// Numbers and flags of `config.json` that the file also states, as (key, GGUF key after the architecture's prefix).
    package var values: [(key: String, gguf: String)]
    /// Keys among them that may have a value for each block, which ``complete`` then reads.
    package var listedValues: Set<String> = []
    /// Members of `config.json` that are the same for every model of the family.
    package var fixedConfig: [(key: String, value: JSON)]
    /// Roles whose rows are held with the two halves of each head interleaved.
    package var interleavedRoles: Set<WeightRole> = []
    /// Whether norm weights are held with Gemma's offset of 1 added.
    package var addsNormOffset = false
    /// Matrices without whose biases llama.cpp does not open a file; zeros stand for those that a checkpoint has not.
    package var requiredBiases: Set<WeightRole> = []
    /// How the file orders the outputs of a fused matrix, where that is not the checkpoint's order.
    package var fusedOrder: ModelConfiguration.FusedOrder?
    /// Key of `config.json` for the share of a head that turns.
    package var rotaryFractionKey = "partial_rotary_factor"
    /// Whether a token sees only those before it.
    package var isCausal = true
    /// Whether `logit_scale` is what logits are multiplied by; else they are divided by it.
    package var statesLogitFactor = false
    /// Whether the file says how queries grow with their position (`attention.temperature_scale`).
    package var statesQueryGrowth = false
    /// Whether a SentencePiece vocabulary stands there with its merges, not with scores.
    package var statesMerges = false
    /// Whether readers want a divisor for each rotary frequency, and take a great one for none.
    package var dividesFrequencies = false
    /// Sets the members of `config.json` that follow from the file in other ways.
    package var complete: @Sendable (GGUFDescription, inout JSON.Members) throws -> Void = { _, _ in }
  }

  /// Every supported family.
  package static let all: [ModelFamily] = [
    .llama, .mistral, .qwen2, .qwen3, .qwen2VL, .qwen3VL, .qwen35, .gemma, .gemma2, .gemma3, .gemma4, .phi,
    .phi3,
    .stableLM, .olmo2, .starCoder2, .smolLM3, .seedOSS, .granite, .cohere, .cohere2, .glm, .glm4,
    .gpt2, .gptJ, .gptNeo, .gptNeoX, .opt, .bert, .roberta, .distilBERT,
  ]
}

extension ModelFamily {
  /// The names of `GGUF` files for the roles of a pre-norm block with separate projections, which most families share.
  package static let commonGGUFNames: [WeightRole: String] = [
    .tokenEmbedding: "token_embd.weight",
    .finalNorm: "output_norm.weight",
    .outputHead: "output.weight",
    .attentionNorm: "blk.{}.attn_norm.weight",
    .query: "blk.{}.attn_q.weight",
    .key: "blk.{}.attn_k.weight",
    .value: "blk.{}.attn_v.weight",
    .attentionOutput: "blk.{}.attn_output.weight",
    .mlpNorm: "blk.{}.ffn_norm.weight",
    .mlpGate: "blk.{}.ffn_gate.weight",
    .mlpUp: "blk.{}.ffn_up.weight",
    .mlpValue: "blk.{}.ffn_down.weight",
  ]

  /// The names that Llama's checkpoints use and most later families keep.
  package static let commonTensorNames: [WeightRole: String] = [
    .tokenEmbedding: "model.embed_tokens.weight",
    .finalNorm: "model.norm.weight",
    .outputHead: "lm_head.weight",
    .attentionNorm: "model.layers.{}.input_layernorm.weight",
    .query: "model.layers.{}.self_attn.q_proj.weight",
    .key: "model.layers.{}.self_attn.k_proj.weight",
    .value: "model.layers.{}.self_attn.v_proj.weight",
    .attentionOutput: "model.layers.{}.self_attn.o_proj.weight",
    .mlpNorm: "model.layers.{}.post_attention_layernorm.weight",
    .mlpGate: "model.layers.{}.mlp.gate_proj.weight",
    .mlpUp: "model.layers.{}.mlp.up_proj.weight",
    .mlpValue: "model.layers.{}.mlp.down_proj.weight",
  ]
}
