internal import Checkpoints
internal import Foundation
internal import Kernels
internal import Storage

/// Rotary embedding as GGUF files describe it: metadata keys under `rope.`, and tensors of a divisor for each frequency.
extension GGUFDescription {
  /// The share of a head that turns; `nil` where all of it does.
  var rotaryFraction: Double? {
    guard let turning = self["rope.dimension_count"]?.int, let head = headDimension, turning < head else {
      return nil
    }
    return Double(turning) / Double(head)
  }

  /// `rope_scaling` of `config.json`; `nil` where nothing is scaled.
  func ropeScaling() throws -> JSON? {
    if has("rope_freqs.weight") { return try llama3Scaling() }
    if has("rope_factors_long.weight") || has("rope_factors_short.weight") { return try longRopeScaling() }
    let factor = self["rope.scaling.factor"]?.number ?? self["rope.scale_linear"]?.number ?? 1
    guard factor.isFinite, factor >= 0 else {
      throw fault("rope.scaling.factor", "must be a number from 0, found \(factor)")
    }
    switch self["rope.scaling.type"].map({ $0.string ?? "" }) {
    case "none"?: return nil
    case nil, "linear"?:
      // A factor of 0 stands for none.
      return factor == 0 || factor == 1 ? nil : ["rope_type": "linear", "factor": .double(factor)]
    case "yarn"?: return try yarnScaling(factor)
    case "longrope"?:
      throw fault("rope.scaling.type", "is longrope, but tensor \"rope_factors_long.weight\" is missing")
    case let type?:
      throw fault("rope.scaling.type", "is \"\(type)\"; supported: none, linear, yarn, longrope")
    }
  }

  private func yarnScaling(_ factor: Double) throws -> JSON {
    if let share = self["rope.scaling.yarn_ext_factor"]?.number, share != 1 {
      throw fault("rope.scaling.yarn_ext_factor", "is \(share); supported: 1")
    }
    var members = JSON.Members([("rope_type", "yarn"), ("factor", .double(factor))])
    for (key, gguf) in [
      ("original_max_position_embeddings", "original_context_length"), ("beta_fast", "yarn_beta_fast"),
      ("beta_slow", "yarn_beta_slow"), ("attention_factor", "yarn_attn_factor"),
      ("mscale_all_dim", "yarn_log_multiplier"),
    ] {
      members[key] = try member("rope.scaling.\(gguf)")
    }
    if members["mscale_all_dim"] != nil { members["mscale"] = 1.0 }
    return .object(members)
  }

  private func longRopeScaling() throws -> JSON {
    // Other configurations would have to state the original length elsewhere.
    guard architecture == "phi3" else {
      throw ModelError(path, "tensor \"rope_factors_long.weight\" is supported in phi3 files only")
    }
    var members = JSON.Members([("type", "longrope")])
    for (key, name) in [("short_factor", "rope_factors_short"), ("long_factor", "rope_factors_long")] {
      members[key] = .array(try divisors(name + ".weight").map { .double($0) })
    }
    // The file states the factor on cosines and sines; a configuration implies it, and old ones must not state it.
    if let stated = self["rope.scaling.attn_factor"]?.number,
      let positions = self["context_length"]?.int,
      let original = self["rope.scaling.original_context_length"]?.int, original > 1, positions > 0
    {
      let factor = Double(positions) / Double(original)
      let implied = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
      if abs(stated - implied) > 1e-6 * implied { members["attention_factor"] = .double(stated) }
    }
    return .object(members)
  }

  /// The parameters of Llama 3's ramp that give the file's divisors.
  ///
  /// The divisors do not tell a ramp from one with all its lengths multiplied, so the bounds are taken as 1 and 4, which
  /// all published models have, and the original length follows from any frequency between them.
  private func llama3Scaling() throws -> JSON {
    let name = "rope_freqs.weight"
    let divisors = try divisors(name)
    let base = self["rope.freq_base"]?.number ?? 10_000
    let factor = divisors.max() ?? 1
    if factor == 1, divisors.allSatisfy({ $0 == 1 }) { return nil }
    let width = 2 * divisors.count
    let turning = divisors.prefix { $0 == 1 }.count
    if divisors.dropFirst(turning).allSatisfy({ $0 >= 1e29 }) {
      var share = Double(turning) / Double(divisors.count)
      // A share is multiplied with the width and rounded down.
      if Int(share * Double(width)) / 2 < turning {
        share = (Double(turning) + 0.25) / Double(divisors.count)
      }
      return ["rope_type": "proportional", "partial_rotary_factor": .double(share)]
    }
    let ramp = divisors.indices.filter { divisors[$0] > 1 && divisors[$0] < factor }
    // The pair nearest to the kept frequencies is the one that rounding disturbs least.
    if let pair = ramp.min(by: { divisors[$0] < divisors[$1] }) {
      let smooth = (1 / divisors[pair] - 1 / factor) / (1 - 1 / factor)
      let wavelength = 2 * Double.pi * pow(base, Double(2 * pair) / Double(width))
      let original = ((1 + 3 * smooth) * wavelength).rounded()
      if original >= 1, original < 0x1p28 {
        let settings = RotarySettings(
          base: base, scaling: .llama3(factor: factor, lowFactor: 1, highFactor: 4, original: Int(original)))
        let (scaled, _) = settings.frequencies(headDimension: width, positions: 1)
        let (plain, _) = RotarySettings(base: base).frequencies(headDimension: width, positions: 1)
        if divisors.indices.allSatisfy({ abs(divisors[$0] * scaled[$0] / plain[$0] - 1) < 1e-4 }) {
          return [
            "rope_type": "llama3", "factor": .double(factor), "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": .int(Int(original)),
          ]
        }
      }
    }
    throw ModelError(
      path,
      "tensor \"\(name)\" does not scale the rotary frequencies as Llama 3 does, which is not supported; use the "
        + "Hugging Face folder")
  }

  /// The numbers of a tensor that divide the frequencies: one for each pair of elements that turns.
  private func divisors(_ name: String) throws -> [Double] {
    guard let entry = file.tensors[name] else { throw ModelError(path, "tensor \"\(name)\" is missing") }
    let pairs = (self["rope.dimension_count"]?.int ?? headDimension ?? 0) / 2
    guard entry.shape == [pairs], entry.type == .f32 else {
      throw ModelError(
        path, "tensor \"\(name)\" must be [\(pairs)] in F32, found \(entry.shape) in \(entry.type.name)")
    }
    let values = try file.tensors.floats(entry).map(shortest)
    guard values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw ModelError(path, "tensor \"\(name)\" must hold positive numbers")
    }
    return values
  }
}
