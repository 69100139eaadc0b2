/// What stands behind `is`.
extension JinjaRun {
  /// Whether a test holds.
  mutating func holds(_ name: String, of value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError)
    -> Bool
  {
    switch name {
    case "defined": return value.isDefined
    case "undefined": return !value.isDefined
    case "none": if case .none = value { return true }
    case "true": if case .bool(true) = value { return true }
    case "false": if case .bool(false) = value { return true }
    case "boolean": if case .bool = value { return true }
    case "integer": if case .int = value { return true }
    case "float": if case .double = value { return true }
    case "number": return value.asDouble != nil
    case "string": return value.asText != nil
    case "mapping": if case .dictionary = value { return true }
    case "iterable", "sequence":
      switch value {
      case .undefined, .text, .safe, .dictionary: return true
      case .list(let list): return name == "iterable" || list.kind.isSequence
      case .iterator: return name == "iterable"
      default: return false
      }
    case "callable":
      switch value {
      case .macro, .function, .method: return true
      default: return false
      }
    case "odd", "even":
      guard let int = value.asInt else { throw JinjaError("\(value.kind) is neither odd nor even") }
      return int.isMultiple(of: 2) == (name == "even")
    case "divisibleby":
      guard let int = value.asInt, let by = arguments.value(0, "num")?.asInt, by != 0 else {
        throw JinjaError("“divisibleby” is given something else than integers")
      }
      return int.isMultiple(of: by)
    case "lower", "upper":
      let scalars = JinjaText.scalars(try string(value)).filter { $0.properties.isCased }
      return !scalars.isEmpty
        && scalars.allSatisfy { name == "lower" ? $0.properties.isLowercase : $0.properties.isUppercase }
    case "sameas":
      guard let other = arguments.value(0, "other") else { throw JinjaError("“sameas” is given nothing") }
      return value.kind == other.kind && value.equals(other)
    default:
      guard let operation = Self.comparisons[name] else {
        throw JinjaError("the test “\(name.prefix(40))” is not among those that are done here")
      }
      guard let other = arguments.value(0, "other") else { throw JinjaError("“\(name)” is given nothing") }
      return try compare(value, operation, other)
    }
    return false
  }

  private static let comparisons = [
    "eq": "==", "equalto": "==", "==": "==", "ne": "!=", "!=": "!=", "lt": "<", "lessthan": "<", "gt": ">",
    "greaterthan": ">", "le": "<=", "ge": ">=", "in": "in",
  ]

  /// What Python's `str` makes of a value.
  mutating func string(_ value: JinjaValue) throws(JinjaError) -> [UInt8] {
    if let text = value.asText { return text }
    try spend(value.extent.size / 8)
    var result: [UInt8] = []
    try value.print(to: &result)
    return result
  }
}
