internal import Foundation
internal import Storage

extension ConfigReader {
  /// Rotary settings from either spelling in use: `rope_theta` beside `rope_scaling`, or transformers 5's
  /// `rope_parameters`, which may hold one set for each type of attention.
  ///
  /// - Parameters:
  ///   - base: where the file states none.
  ///   - headDimension: width of a head.
  ///   - fraction: share of a head that turns, where the file states none.
  ///   - layerType: which set to take where there are several.
  ///   - baseKey: name of the base in the older spelling.
  ///   - originalPositions: length before stretching, for families whose configuration always has one.
  package func rotary(
    base fallback: Double = 10_000, headDimension: Int, fraction fallbackFraction: Double = 1,
    layerType: String = "full_attention", baseKey: String = "rope_theta", originalPositions: Int? = nil
  ) throws -> RotarySettings {
    var settings = RotarySettings(base: try number(baseKey, default: fallback))
    var fraction = try number(
      "partial_rotary_factor", default: try number("rotary_pct", default: fallbackFraction))
    for key in ["rope_scaling", "rope_parameters"] {
      guard var rope = self[key] else { continue }
      if let own = rope[layerType] { rope = own } else if rope["sliding_attention"] != nil { continue }
      let inner = ConfigReader(path: "\(path), \"\(key)\"", root: rope)
      settings.base = try inner.number("rope_theta", default: settings.base)
      fraction = try inner.number("partial_rotary_factor", default: fraction)
      let positions = try count("max_position_embeddings", default: 2048)
      let stated = try inner.count("original_max_position_embeddings", default: positions)
      let original = try count("original_max_position_embeddings", default: originalPositions ?? stated)
      settings.scaling = try inner.scaling(positions: positions, original: original)
    }
    guard settings.base > 1 else {
      throw ModelError(path, "\"rope_theta\" must be above 1, found \(settings.base)")
    }
    guard fraction > 0 else {
      throw ModelError(path, "the share of a head that turns must be above 0, found \(fraction)")
    }
    if case .proportional(_, let factor) = settings.scaling {
      let pairs = Int(Double(headDimension) * min(1, fraction)) / 2
      let isPlain = factor == 1 && pairs == headDimension / 2
      settings.scaling = isPlain ? .none : .proportional(pairs: pairs, factor: factor)
    } else if fraction < 1 {
      settings.dimension = Int(Double(headDimension) * fraction)
    }
    if case .longRope(let short, let long, _, _) = settings.scaling {
      let pairs = (settings.dimension ?? headDimension) / 2
      guard short.count == pairs, long.count == pairs else {
        throw ModelError(path, "\"short_factor\" and \"long_factor\" must have \(pairs) numbers each")
      }
    }
    return settings
  }

  /// The scaling that this object describes.
  private func scaling(positions: Int, original: Int) throws -> RotarySettings.Scaling {
    let factor = try number("factor", default: Double(positions) / Double(original))
    guard factor > 0 else { throw ModelError(path, "\"factor\" must be above 0, found \(factor)") }
    switch text("rope_type") ?? text("type") ?? "default" {
    case "default": return .none
    // Parts of a picture's position, which of text are one.
    case "mrope" where self["mrope_section"] != nil: return .none
    case "linear": return .linear(factor: factor)
    case "dynamic": return .dynamic(factor: try number("factor", default: 1), original: positions)
    case "llama3":
      return .llama3(
        factor: factor, lowFactor: try number("low_freq_factor", default: 1),
        highFactor: try number("high_freq_factor", default: 4), original: original)
    case "yarn":
      func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }
      let scale = try number("mscale", default: 0)
      let overall = try number("mscale_all_dim", default: 0)
      let implied = scale != 0 && overall != 0 ? magnitude(scale) / magnitude(overall) : magnitude(1)
      return .yarn(
        factor: factor, fast: try number("beta_fast", default: 32), slow: try number("beta_slow", default: 1),
        original: original, truncates: try flag("truncate", default: true),
        attention: try number("attention_factor", default: implied))
    case "proportional":
      // How many pairs depends on the width of a head.
      return .proportional(pairs: 0, factor: try number("factor", default: 1))
    case "longrope", "su":
      let implied = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
      return .longRope(
        short: numbers("short_factor"), long: numbers("long_factor"), original: original,
        attention: try number("attention_factor", default: implied))
    case let type:
      throw ModelError(
        path,
        "rope type \"\(type)\" is not supported; supported: default, linear, dynamic, llama3, yarn, longrope, "
          + "proportional")
    }
  }

  private func numbers(_ key: String) -> [Double] { self[key]?.elements.compactMap(\.double) ?? [] }
}
