/// Functions that every template has.
extension JinjaRun {
  /// Their names.
  static let functions: Set<String> = ["range", "dict", "namespace", "raise_exception", "strftime_now"]

  /// What the function `name` gives.
  mutating func call(_ name: String, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
    switch name {
    case "raise_exception":
      var message: [UInt8] = []
      try arguments.value(0, "message")?.print(to: &message)
      // In one line, as every other error.
      let lines = String(decoding: message.prefix(400), as: UTF8.self).split(whereSeparator: \.isNewline)
      throw JinjaError(lines.joined(separator: " "), isRaised: true)
    case "range": return try range(arguments.positional)
    case "dict", "namespace":
      var members = JinjaDictionary()
      if let first = arguments.positional.first {
        guard case .dictionary(let dictionary) = first, arguments.positional.count == 1 else {
          throw JinjaError("“\(name)” is made of something else than a dictionary")
        }
        members = dictionary
      }
      for (name, value) in arguments.named { try members.set(.string(name), value) }
      guard name == "namespace" else { return .dictionary(members) }
      var values: [String: JinjaValue] = [:]
      for case (.text(let key), let value) in members.members {
        values[String(decoding: key, as: UTF8.self)] = value
      }
      namespaces.append(values)
      return .namespace(namespaces.count - 1)
    case "strftime_now":
      guard let format = arguments.value(0, "format")?.asText else {
        throw JinjaError("“strftime_now” is given no format")
      }
      return try text(try Self.date(format))
    default: throw JinjaError("there is no function “\(name)”")
    }
  }

  private mutating func range(_ bounds: [JinjaValue]) throws(JinjaError) -> JinjaValue {
    let ints = bounds.compactMap(\.asInt)
    guard ints.count == bounds.count, (1...3).contains(ints.count) else {
      throw JinjaError("“range” is given something else than one to three integers")
    }
    let (start, end) = ints.count == 1 ? (0, ints[0]) : (ints[0], ints[1])
    let step = ints.count == 3 ? ints[2] : 1
    guard step != 0 else { throw JinjaError("“range” has the step 0") }
    // As Jinja's own sandbox has it.
    let limit = 100_000
    var values: [JinjaValue] = []
    for value in stride(from: start, to: end, by: step) {
      guard values.count < limit else { throw JinjaError("“range” has more than \(limit) elements") }
      values.append(.int(value))
    }
    return try list(values, .range(first: start, end: end, step: step))
  }

  /// The date 2024-07-26 in a format of `strftime`.
  ///
  /// A template that asks the clock writes another text every day, and what was fitted could not be fitted again. So every
  /// day is the one that Llama 3's templates fall back to.
  private static func date(_ format: [UInt8]) throws(JinjaError) -> [UInt8] {
    let fields: [UInt8: String] = [
      UInt8(ascii: "Y"): "2024", UInt8(ascii: "y"): "24", UInt8(ascii: "m"): "07", UInt8(ascii: "d"): "26",
      UInt8(ascii: "e"): "26", UInt8(ascii: "b"): "Jul", UInt8(ascii: "B"): "July", UInt8(ascii: "a"): "Fri",
      UInt8(ascii: "A"): "Friday", UInt8(ascii: "j"): "208", UInt8(ascii: "w"): "5", UInt8(ascii: "u"): "5",
      UInt8(ascii: "H"): "00", UInt8(ascii: "I"): "12", UInt8(ascii: "M"): "00", UInt8(ascii: "S"): "00",
      UInt8(ascii: "p"): "AM", UInt8(ascii: "f"): "000000", UInt8(ascii: "Z"): "", UInt8(ascii: "z"): "",
      UInt8(ascii: "F"): "2024-07-26", UInt8(ascii: "T"): "00:00:00", UInt8(ascii: "D"): "07/26/24",
      UInt8(ascii: "R"): "00:00", UInt8(ascii: "%"): "%",
    ]
    var result: [UInt8] = []
    var rest = format[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        result.append(byte)
        continue
      }
      // `%-d` is a day or month without its leading zero.
      let isBare = rest.first == UInt8(ascii: "-")
      if isBare { rest.removeFirst() }
      guard let field = rest.popFirst(), let value = fields[field] else {
        throw JinjaError("“strftime_now” is given a format that is not done here")
      }
      let bare = value.utf8.drop { $0 == UInt8(ascii: "0") }
      result += isBare ? (bare.isEmpty ? Array("0".utf8) : Array(bare)) : Array(value.utf8)
    }
    return result
  }
}
