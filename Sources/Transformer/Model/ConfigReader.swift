package import Storage

/// Typed reading of `config.json`, with errors that name the file and the key.
package struct ConfigReader {
  /// The file, and within it the key of the object being read: for messages.
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

  /// The base of unscaled rotary embedding, from `rope_theta` or transformers 5's `rope_parameters`; a scaled
  /// variant is refused by name.
  package func plainRotaryBase(default fallback: Double) throws -> Double {
    var base = try number("rope_theta", default: fallback)
    for key in ["rope_scaling", "rope_parameters"] {
      guard let rope = self[key] else { continue }
      let inner = ConfigReader(path: "\(path), \"\(key)\"", root: rope)
      try inner.refuseUnless("rope_type", isOneOf: ["default"])
      try inner.refuseUnless("type", isOneOf: ["default"])
      base = try inner.number("rope_theta", default: base)
    }
    guard base > 0 else { throw ModelError(path, "\"rope_theta\" must be positive, found \(base)") }
    return base
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
