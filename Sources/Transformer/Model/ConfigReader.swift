package import Kernels
package import Storage

/// Typed reading of `config.json`, with errors that name the file and the key.
package struct ConfigReader {
  /// The file, for messages.
  package let path: String
  private let root: JSONValue
  /// No model in use is near these; they keep sizes computed from a hostile file from overflowing.
  private static let largestCount = 1 << 28

  /// - Parameter root: the file's object.
  package init(path: String, root: JSONValue) {
    self.path = path
    self.root = root
  }

  /// The value of `key`; `nil` where it is absent or null.
  package subscript(key: String) -> JSONValue? {
    guard let value = root[key], !value.isNull else { return nil }
    return value
  }

  /// A positive integer.
  package func count(_ key: String, default fallback: Int? = nil) throws -> Int {
    guard let value = self[key] else {
      if let fallback { return fallback }
      throw ModelError(path, "\"\(key)\" is missing; it must be a positive integer")
    }
    guard let number = value.int, number > 0, number <= Self.largestCount else {
      throw ModelError(
        path, "\"\(key)\" must be an integer from 1 to \(Self.largestCount), found \(value.summary)")
    }
    return number
  }

  /// An integer from 0.
  package func index(_ key: String, default fallback: Int) throws -> Int {
    guard let value = self[key] else { return fallback }
    guard let number = value.int, (0...Self.largestCount).contains(number) else {
      throw ModelError(
        path, "\"\(key)\" must be an integer from 0 to \(Self.largestCount), found \(value.summary)")
    }
    return number
  }

  /// Whether `key` is present and null, which in some files means something else than its absence.
  package func isNull(_ key: String) -> Bool { root[key]?.isNull ?? false }

  /// A finite number.
  package func number(_ key: String, default fallback: Double) throws -> Double {
    guard let value = self[key] else { return fallback }
    guard let number = value.double, number.isFinite else {
      throw ModelError(path, "\"\(key)\" must be a number, found \(value.summary)")
    }
    return number
  }

  /// True or false.
  package func flag(_ key: String, default fallback: Bool) throws -> Bool {
    guard let value = self[key] else { return fallback }
    guard let flag = value.bool else {
      throw ModelError(path, "\"\(key)\" must be true or false, found \(value.summary)")
    }
    return flag
  }

  /// Throws where `key` is present with a value that is not among `accepted`.
  package func refuseUnless(_ key: String, isOneOf accepted: [String]) throws {
    guard let value = self[key] else { return }
    guard let text = value.string, accepted.contains(text) else {
      throw ModelError(path, "\"\(key)\" is \(value.summary); supported: \(accepted.joined(separator: ", "))")
    }
  }

  /// A list of integers; `nil` where the key is absent.
  package func counts(_ key: String) throws -> [Int]? {
    try self[key].map { value in
      guard value.kind == .array else {
        throw ModelError(path, "\"\(key)\" must be a list, found \(value.summary)")
      }
      return value.elements.compactMap(\.int)
    }
  }

  /// A string.
  package func text(_ key: String) -> String? { self[key]?.string }

  /// The activation under `key`.
  package func activation(_ key: String, default fallback: Activation) throws -> Activation {
    guard let value = self[key] else { return fallback }
    switch value.string {
    case "silu"?, "swish"?: return .silu
    case "gelu"?: return .gelu
    case "gelu_new"?, "gelu_pytorch_tanh"?, "gelu_fast"?: return .geluTangent
    case "quick_gelu"?: return .geluSigmoid
    case "relu"?: return .relu
    case "relu2"?: return .reluSquared
    default:
      throw ModelError(
        path,
        "\"\(key)\" is \(value.summary); supported: silu, gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, quick_gelu, relu, relu2"
      )
    }
  }

  /// The windows of every block, from `layer_types`: `window` where the type is sliding attention.
  package func windows(_ window: Int?, blocks: Int, default isSliding: (_ block: Int) -> Bool) throws
    -> [Int?]
  {
    guard let window else { return [] }
    guard blocks <= 1 << 16 else { throw ModelError(path, "\(blocks) blocks are more than any model has") }
    guard let types = self["layer_types"] else { return (1...blocks).map { isSliding($0) ? window : nil } }
    guard types.count == blocks else {
      throw ModelError(path, "\"layer_types\" must name all \(blocks) blocks, found \(types.count)")
    }
    return try types.elements.map { type in
      switch type.string {
      case "sliding_attention"?: return window
      case "full_attention"?: return nil
      default:
        throw ModelError(
          path, "\"layer_types\" has \(type.summary); supported: full_attention, sliding_attention")
      }
    }
  }
}

extension JSONValue {
  /// The value itself where it is short, else its kind: for error messages.
  package var summary: String {
    if let text = string { return text.count <= 40 ? "\"\(text)\"" : "a long string" }
    if let flag = bool { return "\(flag)" }
    if let number = int { return "\(number)" }
    if let number = double { return "\(number)" }
    return describe
  }
}
