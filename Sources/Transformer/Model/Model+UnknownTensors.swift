internal import Checkpoints

extension Model {
  /// Ends of the names of what checkpoints store beside weights and every program computes anew: causal masks, rotary
  /// frequencies, position numbers and fairseq's version.
  private static let computedAnew = [
    "attn.bias", "attn.masked_bias", "attention.bias", "attention.masked_bias", "rotary_emb.inv_freq",
    "rotary_emb.cos_cached", "rotary_emb.sin_cached", "attn_rot_embd.weight", "position_ids", ".version",
  ]

  /// What a GGUF file holds of scaled rotary frequencies; read, or refused, with the metadata.
  private static let rotaryTensors: Set = [
    "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight",
  ]

  /// Throws where a block, or the trunk around the blocks, has a tensor that the family has not: what it does would be
  /// left out without a word.
  ///
  /// Blocks beyond those that the configuration counts (heads for further tokens), heads beside the trunk and the
  /// other parts of a multimodal model are no part of the text model and may be there.
  func refuseUnknownTensors() throws {
    let patterns = WeightRole.allCases.compactMap { namePattern($0) }
    var known = Set<String>()
    // The names of what stands in a block in place of attention, and of attention where something else does.
    let mixers = Dictionary(
      WeightRole.allCases.filter { $0.isOfDeltaNet || $0.isOfAttention }.compactMap { role in
        namePattern(role).map { ($0, role) }
      }, uniquingKeysWith: { first, _ in first })
    for pattern in patterns {
      for part in [Part.weight, .bias] {
        let name = Self.expand(pattern, block: nil, part: part)
        known.formUnion([name, Self.oldName(name) ?? name])
      }
    }
    let stems = Set(
      patterns.compactMap { pattern in pattern.firstRange(of: "{}").map { pattern[..<$0.lowerBound] } })
    for entry in tensors.entries where !Self.computedAnew.contains(where: entry.name.hasSuffix) {
      let pattern: String
      if let stem = stems.first(where: entry.name.hasPrefix) {
        let rest = entry.name.dropFirst(stem.count)
        let number = rest.prefix { $0 != "." }
        guard let block = Int(number), block < configuration.blocks else { continue }
        pattern = stem + "{}" + rest.dropFirst(number.count)
        if configuration.deltaNet != nil, let role = mixers[pattern], !has(role, block: block + 1) {
          throw ModelError(
            path,
            "tensor \"\(entry.name)\" belongs to \(role.isOfAttention ? "attention" : "a gated delta net"), which the "
              + "configuration says block \(block + 1) has not")
        }
      } else if isInTrunk(entry.name) {
        pattern = entry.name
      } else {
        continue
      }
      guard known.contains(pattern) else {
        throw ModelError(
          path,
          "tensor \"\(entry.name)\" is none of a \(family.name) model's, and what it does would be left out; "
            + "is this the model's own configuration? If its architecture is another, it is not supported")
      }
    }
  }

  /// Whether a tensor that belongs to no block belongs to a language model itself, by its name.
  private func isInTrunk(_ name: String) -> Bool {
    guard configuration.isCausal else { return false }
    if case .gguf = source { return !Self.rotaryTensors.contains(name) }
    return !namePrefix.isEmpty && name.hasPrefix(namePrefix)
  }
}
