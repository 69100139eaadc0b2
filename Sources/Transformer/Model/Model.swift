internal import Foundation
package import Checkpoints
package import Kernels
package import Storage

/// An opened model: a checked view of its files.
///
/// Nothing is read beyond headers and small files.
package struct Model: Sendable {
  /// The files a model came from.
  package enum Source: Sendable {
    /// A Hugging Face folder.
    case folder(SafetensorsFolder)
    /// A Hugging Face folder with torch's `.bin` files.
    case torch(TorchFolder)
    /// One GGUF file.
    case gguf(GGUFFile)
  }

  /// One of a role's two tensors.
  package enum Part: String, Sendable, Hashable {
    case weight
    case bias
  }

  /// The folder or file, as it was given.
  package let path: String
  /// What was opened there.
  package let source: Source
  /// The family that the configuration names.
  package let family: ModelFamily
  package let configuration: ModelConfiguration
  /// `config.json`: as it stands in the folder, or made from the GGUF's metadata.
  package let config: JSON
  package private(set) var tensors: TensorStore
  let openedTokenizer = OpenedTokenizer()

  /// Opens a Hugging Face folder, a Hub id found in the local cache, or a GGUF file, and checks that every tensor the family needs is there, with the
  /// shape that the configuration implies.
  ///
  /// - Throws: ``ModelError``, `CheckpointError`, `StorageError` or `JSONError`.
  package init(path: String) throws {
    let path = try HubCache.resolve(path, environment: ProcessInfo.processInfo.environment)
    self.path = path
    let opened = try path.hasSuffix(".gguf") ? Self.openGGUF(path) : Self.openFolder(path)
    source = opened.source
    family = opened.family
    config = opened.config
    tensors = opened.tensors
    let document = try JSONDocument(parsing: Array(config.serialized().utf8), source: opened.configPath)
    var configuration = try family.configuration(ConfigReader(path: opened.configPath, root: document.root))
    if case .gguf = source {
      if let order = family.gguf?.fusedOrder { configuration.fusedOrder = order }
      configuration.deltaNet?.headOrder = .tiled
    }
    self.configuration = configuration
    namePrefix = opened.namePrefix
    let names = if case .gguf = source { family.gguf?.tensorNames ?? [:] } else { family.tensorNames }
    let sharesNorm = configuration.arrangement == .parallelWithSharedNorm
    let hasTokenBranch = configuration.tokenBranchWidth != nil
    blockRoles = WeightRole.allCases.filter {
      $0.isPerBlock && names[$0 == .tokenContext ? .tokenContexts : $0] != nil
        && !(sharesNorm && $0 == .mlpNorm) && ($0.isOfTokenBranch ? hasTokenBranch : true)
        && ($0.isOfDeltaNet ? configuration.deltaNet != nil : true)
    }
    // A model that scales no block may leave the scales out.
    if entry(.blockScale, block: 1) == nil { blockRoles.removeAll { $0 == .blockScale } }
    try check()
  }

  /// What opening a source answers.
  struct Opened {
    /// The files.
    var source: Source
    /// The family they belong to.
    var family: ModelFamily
    /// `config.json`, of the text model alone.
    var config: JSON
    /// Where it stands, for messages.
    var configPath: String
    /// The tensors.
    var tensors: TensorStore
    /// What stands before the names in this checkpoint in place of the family's prefix.
    var namePrefix: String
  }

  /// The roles that every block of this model has: the family's, but for a norm that a shared one makes needless.
  package private(set) var blockRoles: [WeightRole]

  /// The roles of which `block` has a tensor of its own: one that makes keys and values counts once.
  package func roles(block: Int) -> [WeightRole] {
    blockRoles.filter { configuration.storedRole($0, block: block) == $0 && has($0, block: block) }
  }

  /// Whether `block` has a weight of a role that the model's blocks have: none for keys that it takes over.
  func has(_ role: WeightRole, block: Int) -> Bool {
    if configuration.isRecurrent(block: block) ? role.isOfAttention : role.isOfDeltaNet { return false }
    return switch role {
    case .key, .value, .keyNorm: configuration.keySource(block: block) == nil
    default: true
    }
  }

  /// Name of a role's tensor in this model's files, blocks counted from 1.
  ///
  /// `nil` where the family has no such role.
  package func tensorName(_ role: WeightRole, block: Int? = nil, part: Part = .weight) -> String? {
    namePattern(configuration.storedRole(role, block: block)).flatMap { pattern in
      guard part == .weight || pattern.hasSuffix(".weight") else { return nil }
      return storedName(Self.expand(pattern, block: block, part: part))
    }
  }

  /// Name of a role's weight in files like this model's, `{}` for the block's number.
  func namePattern(_ role: WeightRole) -> String? {
    switch source {
    case .folder, .torch: Self.name(role, family, namePrefix)
    case .gguf: family.gguf?.tensorNames[role]
    }
  }

  /// The name that a tensor has in these files.
  private func storedName(_ name: String) -> String {
    if tensors[name] == nil, let old = Self.oldName(name), tensors[old] != nil { old } else { name }
  }

  /// What BERT's first checkpoints call a norm's weight or bias: gamma or beta.
  static func oldName(_ name: String) -> String? {
    for (suffix, old) in [("Norm.weight", "Norm.gamma"), ("Norm.bias", "Norm.beta")]
    where name.hasSuffix(suffix) {
      return name.dropLast(suffix.count) + old
    }
    return nil
  }

  /// What stands before the names in this checkpoint: the family's prefix, none, or that of a larger model around it.
  let namePrefix: String

  /// The same model with its tensors elsewhere: of the same names and shapes, whatever they are stored as.
  package func withTensors(_ tensors: TensorStore) throws -> Model {
    var model = self
    model.tensors = tensors
    try model.check()
    return model
  }

  private static func name(_ role: WeightRole, _ family: ModelFamily, _ prefix: String) -> String? {
    family.tensorNames[role].map { name in
      if name.hasPrefix(family.prefix) { return prefix + name.dropFirst(family.prefix.count) }
      // The output head stands beside the trunk, within the text model where that is a part by itself.
      return prefix.hasPrefix("language_model.") ? "language_model." + name : name
    }
  }

  /// The name with the block's number (counted from 0 in files) and the part filled in.
  package static func expand(_ pattern: String, block: Int?, part: Part) -> String {
    var name = pattern
    if let block, let hole = name.firstRange(of: "{}") {
      name.replaceSubrange(hole, with: String(block - 1))
    }
    if part == .bias, name.hasSuffix(".weight") { name = String(name.dropLast(6)) + "bias" }
    return name
  }

  /// A role's tensor, blocks counted from 1.
  ///
  /// `nil` where the checkpoint has none.
  package func entry(_ role: WeightRole, block: Int? = nil, part: Part = .weight) -> TensorEntry? {
    let whole = tensorName(role, block: block, part: part).flatMap { tensors[$0] }
    guard role == .tokenContext, let block, let width = configuration.tokenBranchWidth else { return whole }
    return part == .weight ? whole?.rows((block - 1) * width..<block * width) : nil
  }

  /// A role's weight, which ``init(path:)`` found present.
  package func weight(_ role: WeightRole, block: Int? = nil) throws -> TensorEntry {
    let role = role == .outputHead && configuration.tiedHead ? .tokenEmbedding : role
    guard let entry = entry(role, block: block) else {
      let name = tensorName(role, block: block) ?? role.rawValue
      throw ModelError(path, "tensor \"\(name)\" is missing; is a shard missing?")
    }
    return entry
  }

  /// Whether the files hold how fast heads forget, not its logarithm.
  var storesRates: Bool { isGGUF }

  private var isGGUF: Bool { if case .gguf = source { true } else { false } }

  /// How a role's matrix is stored in this model's files.
  package func layout(of role: WeightRole) -> WeightMatrix.Layout {
    if !isGGUF, role.isLinear, family.linearLayout == .inputMajor { return .inputMajor }
    return .outputMajor
  }

  /// A norm's weight with the family's offset, if any, added.
  package func normWeight(_ entry: TensorEntry, _ role: WeightRole) throws -> [Float] {
    let values = try tensors.floats(entry)
    if role == .deltaDecay { return try rates(values, entry) }
    guard case .rms(let offset) = configuration.norm, offset != 0, role.hasNormOffset else { return values }
    if isGGUF, family.gguf?.addsNormOffset == true { return values }
    return values.map { $0 + offset }
  }

  /// What each head's state is multiplied with, as the logarithm of a factor: below zero.
  private func rates(_ values: [Float], _ entry: TensorEntry) throws -> [Float] {
    let rates = storesRates ? values : values.map { -exp($0) }
    guard rates.allSatisfy({ $0 < 0 && $0.isFinite }) else {
      throw ModelError(
        path,
        "tensor \"\(entry.name)\" must hold \(storesRates ? "numbers below zero" : "numbers whose exponential is one")"
      )
    }
    return rates
  }

  /// Throws where the model is an encoder, which predicts no next token.
  package func requireDecoder() throws {
    guard configuration.isCausal else {
      throw ModelError(path, "\(family.name) is an encoder and predicts no next token; give a language model")
    }
  }

  /// Which two elements of a head turn together, as this source lays its rows out.
  package var rotaryPairing: RotaryTable.Pairing {
    if case .gguf = source, family.gguf?.interleavedRoles.contains(.query) == true { return .interleaved }
    return configuration.rotaryPairing
  }

  private func check() throws {
    for kind in configuration.blockKinds {
      guard kind.heads % kind.keyValueHeads == 0 else {
        throw ModelError(
          path, "\(kind.heads) attention heads cannot share \(kind.keyValueHeads) key-value heads")
      }
    }
    for hasWindow in [false, true] where configuration.positions == .rotary {
      let rotary = hasWindow ? configuration.windowedRotary : configuration.rotary
      let head = configuration.headDimension(hasWindow: hasWindow)
      let turning = rotary?.dimension ?? head
      guard turning % 2 == 0, turning >= 2, turning <= head else {
        throw ModelError(
          path, "rotary embedding turns pairs of elements of heads of \(head), found \(turning)")
      }
    }
    for role in WeightRole.allCases where !role.isPerBlock && tensorName(role) != nil {
      if role.isOfTokenBranch, configuration.tokenBranchWidth == nil { continue }
      if role == .outputHead ? !configuration.tiedHead : !role.isOptional || entry(role) != nil {
        try check(role, nil)
      }
    }
    for role in blockRoles {
      for block in 1...configuration.blocks where has(role, block: block) {
        try check(role, block)
        try checkBias(role, block)
      }
    }
    try refuseUnknownTensors()
  }

  /// Throws where a block's matrix lacks the bias that the configuration, or else the first block, says it has, or has
  /// one that it should not.
  private func checkBias(_ role: WeightRole, _ block: Int) throws {
    let hasBias = entry(role, block: block, part: .bias) != nil
    let (expected, reason) =
      configuration.biases[role].map { ($0, "configuration says") }
      ?? (entry(role, block: 1, part: .bias) != nil, "first block has")
    guard hasBias != expected else { return }
    let name = tensorName(role, block: block, part: .bias) ?? role.rawValue
    throw ModelError(
      path,
      "tensor \"\(name)\" is \(hasBias ? "there" : "missing"), but the \(reason) \(expected ? "one" : "none"); "
        + "is this the model's own configuration, and are all shards there?")
  }

  private func check(_ role: WeightRole, _ block: Int?) throws {
    let entry = try weight(role, block: block)
    let configuration = block.map { self.configuration.block($0) } ?? self.configuration
    var expected = configuration.shape(of: role)
    if layout(of: role) == .inputMajor { expected.reverse() }
    // A norm of queries or keys is as wide as a head, or as all of them.
    let whole = role == .queryNorm ? configuration.queryWidth : configuration.keyValueWidth
    // GGUF files leave out a dimension of one.
    if isGGUF, role == .deltaConvolution { expected.remove(at: 1) }
    let mayBeWhole = role == .queryNorm && !configuration.gatesAttention || role == .keyNorm
    guard entry.shape == expected || mayBeWhole && entry.shape == [whole] else {
      throw ModelError(
        path, "tensor \"\(entry.name)\" has shape \(entry.shape), but the configuration implies \(expected)")
    }
    guard entry.type.isReal else {
      throw ModelError(
        path, "tensor \"\(entry.name)\" is stored as \(entry.type.name), which is not a weight type")
    }
    guard !entry.type.isQuantized || ![.deltaConvolution, .deltaTimeBias, .deltaDecay].contains(role) else {
      throw ModelError(
        path, "tensor \"\(entry.name)\" is stored as \(entry.type.name); supported: floating point")
    }
    let outputs = configuration.shape(of: role)[0]
    if let bias = self.entry(role, block: block, part: .bias), bias.shape != [outputs] {
      throw ModelError(path, "tensor \"\(bias.name)\" has shape \(bias.shape), expected [\(outputs)]")
    }
  }
}

extension ElementType {
  /// Whether elements are real numbers: floating point or quantised blocks of them.
  package var isReal: Bool {
    switch self {
    case .f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2: true
    default: isQuantized
    }
  }
}
