package import Checkpoints
package import Kernels
internal import Foundation
internal import Storage
internal import Tokenization

/// What a GGUF file says of a model, from the same tables that reading one goes by.
extension Model {
  /// The metadata of this model, which comes from a folder, as a GGUF file.
  ///
  /// - Parameter fileType: how the matrices are stored.
  /// - Throws: where no such file can say what the model or its tokenizer does.
  package func ggufMetadata(fileType: ElementType) throws -> GGUFMetadata {
    guard let names = family.gguf else {
      throw ModelError(path, "no GGUF file holds a model of the family \(family.name)")
    }
    let architecture = ggufArchitecture(names)
    var metadata = GGUFMetadata()
    metadata.add("general.architecture", architecture)
    metadata.add("general.type", "model")
    metadata.add("general.name", FileSystem.lastComponent(of: path))
    if let number = fileType.ggufFileType { metadata.add("general.file_type", number) }
    metadata.add("general.quantization_version", UInt32(2))
    for (_, key) in names.values { addValue(key, "\(architecture).\(key)", to: &metadata) }
    if configuration.positions == .rotary {
      let turning = configuration.rotary.dimension ?? configuration.headDimension(hasWindow: false)
      metadata.add("\(architecture).rope.dimension_count", UInt32(clamping: turning))
      try addScaling(architecture, to: &metadata)
      if let growth = configuration.queryGrowth {
        metadata.add("\(architecture).attention.temperature_scale", Float(growth.beta))
      }
      let sections = configuration.rotarySections.map { Int32(clamping: $0) }
      if !sections.isEmpty { metadata.add("\(architecture).rope.dimension_sections", sections + [0]) }
    }
    // Of these the file states a window where there is one: in all blocks of Phi-3, in three of four of OLMo 3.
    if ["phi3", "olmo2"].contains(architecture),
      let window = configuration.windows.lazy.compactMap(\.self).first
    {
      metadata.add("\(architecture).attention.sliding_window", UInt32(clamping: window))
    }
    if architecture == "gemma4" { try requireGemma4() }
    if configuration.deltaNet != nil { try requireQwen35() }
    if architecture == "gemma3", configuration.windows != standardGemma3Windows {
      metadata.add(
        "\(architecture).attention.sliding_window_pattern", configuration.windows.map { $0 != nil })
    }
    try addTokenizer(to: &metadata)
    return metadata
  }

  /// Throws where readers of Gemma 4's files take something else for granted than the configuration says: rotary embeddings that
  /// nothing scales, and that blocks take over the keys and values of the last that makes some, or where they have a window, of
  /// the one before it.
  private func requireGemma4() throws {
    guard configuration.windows.contains(where: { $0 != nil }) else {
      throw ModelError(
        path, "llama.cpp opens no GGUF file of Gemma 4 in which no block has a window; write a checkpoint")
    }
    for scaling in [configuration.rotary.scaling, configuration.windowedRotary?.scaling ?? .none] {
      switch scaling {
      case .none, .proportional: continue
      default: throw notWritten("Gemma 4 with")
      }
    }
    let making = (1...configuration.blocks).count { configuration.keySource(block: $0) == nil }
    for block in 1...configuration.blocks {
      guard let source = configuration.keySource(block: block) else { continue }
      guard source == (configuration.window(block: block) == nil ? making : making - 1) else {
        throw ModelError(
          path,
          "a GGUF file cannot say that block \(block) takes over the keys of block \(source); write a checkpoint"
        )
      }
    }
  }

  /// Throws where readers of Qwen3.5's files take something else for granted than the model is: heads of values as wide as those
  /// of keys, and no biases.
  private func requireQwen35() throws {
    guard let net = configuration.deltaNet, net.keyDimension == net.valueDimension else {
      throw ModelError(
        path,
        "a GGUF file cannot say that \"linear_value_head_dim\" is another than \"linear_key_head_dim\"; write a checkpoint"
      )
    }
    guard (1...configuration.blocks).contains(where: configuration.isRecurrent) else {
      throw ModelError(
        path,
        "llama.cpp computes no GGUF file of Qwen3.5 in which no block has a gated delta net; write a checkpoint"
      )
    }
    for block in 1...configuration.blocks where entry(.query, block: block, part: .bias) != nil {
      throw ModelError(path, "llama.cpp reads no biases of Qwen3.5's attention; write a checkpoint")
    }
  }

  /// The architecture that a new file is of: Mistral's own, which alone says how queries grow, only where they do.
  private func ggufArchitecture(_ names: ModelFamily.GGUFNames) -> String {
    configuration.queryGrowth == nil ? names.newArchitecture ?? names.architecture : names.architecture
  }

  /// The numbers by which the rotary frequencies are divided one by one: the tensor `rope_freqs.weight` of Llama 3's
  /// and Gemma 4's files; `nil` where they are not.
  package var ggufFrequencyDivisors: [Float]? {
    switch configuration.rotary.scaling {
    case .llama3: break
    default: guard family.gguf?.dividesFrequencies ?? false else { return nil }
    }
    let (settings, head) = (configuration.rotary, configuration.headDimension(hasWindow: false))
    let (scaled, _) = settings.frequencies(headDimension: head, positions: 1)
    let (plain, _) = RotarySettings(base: settings.base, dimension: settings.dimension)
      .frequencies(headDimension: head, positions: 1)
    // What does not turn is divided by so much that it all but stands.
    return zip(plain, scaled).map { $1 == 0 ? 1e30 : Float($0 / $1) }
  }

  /// Throws unless the GGUF file at `file`, whatever its name, says of itself what this model is.
  ///
  /// Files have no words for some of what configurations ask for, and readers then assume the usual: a window, say.
  package func requireSame(asGGUF file: String) throws {
    var found: ModelConfiguration
    do {
      let opened = try Self.openGGUF(file)
      let document = try JSONDocument(parsing: Array(opened.config.serialized().utf8), source: file)
      found = try opened.family.configuration(ConfigReader(path: file, root: document.root))
    } catch let error as ModelError {
      // The file is about to be removed.
      throw ModelError(path, "as a GGUF file: \(error.reason)")
    }
    var expected = configuration
    // Biases are there or not in either.
    (found.biases, expected.biases) = ([:], [:])
    (found.fusedOrder, expected.fusedOrder) = (.blocks, .blocks)
    guard found == expected else {
      throw ModelError(
        path,
        "a GGUF file of architecture \"\(family.gguf.map(ggufArchitecture) ?? "")\" cannot say this of the configuration: "
          + expected.differences(from: found).joined(separator: ", ") + "; write a checkpoint")
    }
  }

  /// Adds the value that the key stands for; nothing where this model has none.
  private func addValue(_ key: String, _ name: String, to metadata: inout GGUFMetadata) {
    let c = configuration
    func add(_ value: Int) { metadata.add(name, UInt32(clamping: value)) }
    func addOfBlocks(_ value: (ModelConfiguration) -> Int) {
      let values = (1...c.blocks).map { value(c.block($0)) }
      if Set(values).count == 1 { return add(values[0]) }
      metadata.add(name, values.map { Int32(clamping: $0) })
    }
    switch key {
    case "embedding_length": add(c.hidden)
    case "feed_forward_length": addOfBlocks { $0.intermediate }
    case "block_count": add(c.blocks)
    case "attention.head_count": add(c.heads)
    case "attention.head_count_kv": addOfBlocks { $0.keyValueHeads }
    case "attention.shared_kv_layers": add((1...c.blocks).count { c.keySource(block: $0) != nil })
    case "embedding_length_per_layer_input": add(c.tokenBranchWidth ?? 0)
    case "attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa":
      add(c.headDimension(hasWindow: true))
    case "attention.sliding_window_pattern": metadata.add(name, c.windows.map { $0 != nil })
    case "attention.key_length":
      // Gemma's tables name it twice.
      guard !metadata.keys.contains(name) else { return }
      let head = c.headDimension(hasWindow: false)
      add(head)
      metadata.add(name.dropLast("key_length".count) + "value_length", UInt32(clamping: head))
    case "context_length": add(c.maximumPositions)
    case "vocab_size": add(c.vocabulary)
    case "attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon": metadata.add(name, c.normEpsilon)
    case "rope.freq_base": metadata.add(name, Float(c.rotary.base))
    case "rope.freq_base_swa": metadata.add(name, Float((c.windowedRotary ?? c.rotary).base))
    case "attn_logit_softcapping": if let cap = c.scoreCap { metadata.add(name, cap) }
    case "attention.scale": metadata.add(name, c.attentionScale(block: 1))
    case "embedding_scale": metadata.add(name, c.embeddingScale ?? 1)
    case "residual_scale": metadata.add(name, c.residualScale ?? 1)
    case "logit_scale":
      let divisor = c.logitDivisor ?? 1
      metadata.add(name, family.gguf?.statesLogitFactor == true ? 1 / divisor : divisor)
    case "final_logit_softcapping": if let cap = c.logitCap { metadata.add(name, cap) }
    case "attention.sliding_window": add(c.windows.lazy.compactMap(\.self).first ?? 0)
    case "n_deepstack_layers": add(c.pictureBlocks)
    case "ssm.conv_kernel": if let net = c.deltaNet { add(net.taps) }
    case "ssm.state_size": if let net = c.deltaNet { add(net.keyDimension) }
    case "ssm.group_count": if let net = c.deltaNet { add(net.keyHeads) }
    case "ssm.time_step_rank": if let net = c.deltaNet { add(net.valueHeads) }
    case "ssm.inner_size": if let net = c.deltaNet { add(net.valueWidth) }
    case "attention.recurrent_layers": metadata.add(name, (1...c.blocks).map(c.isRecurrent))
    case "full_attention_interval":
      // For readers that do not know the list: only where it says the same.
      let interval = (1...c.blocks).first { !c.isRecurrent(block: $0) } ?? c.blocks + 1
      if (1...c.blocks).allSatisfy({ c.isRecurrent(block: $0) == ($0 % interval != 0) }) { add(interval) }
    case "use_parallel_residual": metadata.add(name, c.arrangement != .sequential)
    default: break
    }
  }

  private func addScaling(_ architecture: String, to metadata: inout GGUFMetadata) throws {
    switch configuration.rotary.scaling {
    case .none, .llama3: break
    case .linear(let factor):
      metadata.add("\(architecture).rope.scaling.type", "linear")
      metadata.add("\(architecture).rope.scaling.factor", Float(factor))
    case .dynamic: throw notWritten("dynamic")
    case .yarn(let factor, let fast, let slow, let original, let truncates, let attention):
      guard truncates else { throw notWritten("YaRN's untruncated") }
      // Most architectures' readers take no others.
      guard fast == 32, slow == 1 else { throw notWritten("YaRN with bounds of its own:") }
      let prefix = "\(architecture).rope.scaling."
      metadata.add(prefix + "type", "yarn")
      metadata.add(prefix + "factor", Float(factor))
      metadata.add(prefix + "original_context_length", UInt32(clamping: original))
      metadata.add(prefix + "yarn_beta_fast", Float(fast))
      metadata.add(prefix + "yarn_beta_slow", Float(slow))
      // Readers take the usual factor on cosines and sines, or none where this number is 1.
      let usual = factor <= 1 ? 1 : 0.1 * log(factor) + 1
      if abs(attention - usual) > 1e-6 {
        guard abs(attention - 1) < 1e-6 else {
          throw notWritten("YaRN with a factor on attention of its own:")
        }
        metadata.add(prefix + "yarn_log_multiplier", Float(1))
      }
    case .longRope: throw notWritten("longrope")
    case .proportional(_, let factor):
      guard factor == 1, family.gguf?.dividesFrequencies ?? false else { throw notWritten("proportional") }
    }
  }

  private func notWritten(_ scaling: String) -> ModelError {
    ModelError(
      path, "\(scaling) scaling of rotary embeddings is not written to GGUF files; write a checkpoint")
  }

  /// The windows that readers assume: in all blocks but every sixth.
  private var standardGemma3Windows: [Int?] {
    let window = configuration.windows.lazy.compactMap(\.self).first
    return (1...configuration.blocks).map { $0 % 6 == 0 ? nil : window }
  }

  private func addTokenizer(to metadata: inout GGUFMetadata) throws {
    let vocabulary = try tokenizer().ggufVocabulary(
      size: configuration.vocabulary, statesMerges: family.gguf?.statesMerges ?? false)
    func list(_ strings: ByteStrings) -> [[UInt8]] { (0..<strings.count).map { Array(strings[$0]) } }
    metadata.add("tokenizer.ggml.model", vocabulary.model)
    if let name = vocabulary.preTokenizer { metadata.add("tokenizer.ggml.pre", name) }
    metadata.add("tokenizer.ggml.tokens", list(vocabulary.tokens))
    if vocabulary.model != "llama" {
      metadata.add("tokenizer.ggml.merges", list(vocabulary.merges))
    } else {
      metadata.add("tokenizer.ggml.scores", vocabulary.scores)
    }
    metadata.add("tokenizer.ggml.token_type", vocabulary.kinds.map { Int32($0.rawValue) })
    for (name, id) in [
      ("bos", vocabulary.bosID), ("eos", vocabulary.eosID), ("unknown", vocabulary.unknownID),
      ("padding", vocabulary.padID),
    ] {
      if let id { metadata.add("tokenizer.ggml.\(name)_token_id", UInt32(clamping: id)) }
    }
    if let flag = vocabulary.addsSpacePrefix { metadata.add("tokenizer.ggml.add_space_prefix", flag) }
    if let flag = vocabulary.addsBOS { metadata.add("tokenizer.ggml.add_bos_token", flag) }
    if let flag = vocabulary.addsEOS { metadata.add("tokenizer.ggml.add_eos_token", flag) }
    if let (text, _) = chatTemplateText { metadata.add("tokenizer.chat_template", text) }
  }
}

extension ElementType {
  /// `general.file_type` of a file whose matrices are of this type, where llama.cpp has a number for it.
  fileprivate var ggufFileType: UInt32? {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q5_0: 8
    case .q5_1: 9
    case .q2_k: 10
    case .q6_k: 18
    case .iq4_nl: 25
    case .iq4_xs: 30
    case .bf16: 32
    default: nil
    }
  }
}

extension ModelConfiguration {
  /// What is another in `other`, as the names of properties in words.
  fileprivate func differences(from other: Self) -> [String] {
    zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children).compactMap { mine, theirs in
      guard String(reflecting: mine.value) != String(reflecting: theirs.value) else { return nil }
      return mine.label?.reduce(into: "") { words, letter in
        words += letter.isUppercase ? " " + letter.lowercased() : String(letter)
      }
    }
  }
}
