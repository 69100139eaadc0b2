internal import Glibc

/// Attributes, elements and operators.
extension JinjaRun {
  /// What `base.name` is.
  mutating func attribute(_ name: String, of base: JinjaValue) throws(JinjaError) -> JinjaValue {
    guard base.isDefined else { throw Self.undefined(base, asked: name) }
    if Self.methods(of: base).contains(name) { return .method(base, name) }
    return member(name, of: base) ?? .undefined(name)
  }

  /// What a value has under a name that is no method.
  func member(_ name: String, of base: JinjaValue) -> JinjaValue? {
    switch base {
    case .dictionary(let dictionary): dictionary[name]
    case .namespace(let number): namespaces[number][name]
    case .loop(let number): loops[number].attribute(name)
    default: nil
    }
  }

  private static func undefined(_ base: JinjaValue, asked name: String) -> JinjaError {
    JinjaError("\(base.kind) is asked for “\(name.prefix(60))”")
  }

  /// What `base[index]` is.
  mutating func element(of base: JinjaValue, _ index: JinjaValue) throws(JinjaError) -> JinjaValue {
    switch (base.plain, index.plain) {
    case (.undefined, _): throw Self.undefined(base, asked: "an element")
    case (.list(let list), _) where index.asInt != nil && list.kind.isSequence:
      return Self.place(index, list.elements.count).map { list.elements[$0] } ?? .undefined("element")
    case (.text(let text), _) where index.asInt != nil:
      try spend(1 + text.count / 4)
      let scalars = JinjaText.scalars(text)
      return Self.place(index, scalars.count).map { .string(String(scalars[$0])) } ?? .undefined("element")
    case (.dictionary(let dictionary), _) where dictionary.value(index) != nil:
      return dictionary.value(index) ?? .none
    case (_, .text(let name)):
      // A name that is no key may be an attribute.
      return try attribute(String(decoding: name, as: UTF8.self), of: base)
    default: return .undefined("element")
    }
  }

  private static func place(_ index: JinjaValue, _ count: Int) -> Int? {
    guard let index = index.asInt, index >= -count, index < count else { return nil }
    return index < 0 ? index + count : index
  }

  /// What `base[first:last:step]` is.
  mutating func slice(_ base: JinjaValue, _ first: Int?, _ last: Int?, _ step: Int) throws(JinjaError)
    -> JinjaValue
  {
    func places(_ count: Int) throws(JinjaError) -> [Int] {
      guard step != 0 else { throw JinjaError("a slice has the step 0") }
      func clamped(_ bound: Int?, standard: Int) -> Int {
        guard let bound else { return standard }
        let place = bound < 0 ? max(bound, -count - 1) + count : min(bound, count)
        return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
      }
      let start = clamped(first, standard: step > 0 ? 0 : count - 1)
      let end = clamped(last, standard: step > 0 ? count : -1)
      let step = min(max(step, -count - 1), count + 1)
      return Array(stride(from: start, to: end, by: step))
    }
    switch base {
    case .list(let base) where base.kind.isListOrTuple:
      return try list(try places(base.elements.count).map { base.elements[$0] }, base.kind)
    case .text, .safe:
      let bytes = base.asText ?? []
      try spend(bytes.count / 4)
      let scalars = JinjaText.scalars(bytes)
      return try text(JinjaText.bytes(try places(scalars.count).map { scalars[$0] })).likeSafe(base)
    // So does Jinja: what is undefined is empty, but has no elements.
    case .undefined: throw Self.undefined(base, asked: "a slice")
    default: throw JinjaError("\(base.kind) has no slices")
    }
  }

  /// What a loop goes through.
  mutating func elements(of value: JinjaValue) throws(JinjaError) -> [JinjaValue] {
    let elements: [JinjaValue]
    switch value.plain {
    case .undefined: elements = []
    case .list(let list): elements = list.elements
    case .iterator(let number):
      elements = Array(iterators[number])
      iterators[number] = []
    case .dictionary(let dictionary): elements = dictionary.members.map(\.key)
    case .text(let text): elements = JinjaText.scalars(text).map { .string(String($0)) }
    default: throw JinjaError("\(value.kind) has no elements")
    }
    try spend(elements.count)
    return elements
  }

  /// The value with its sign, turned or not.
  static func signed(_ value: JinjaValue, isNegative: Bool) throws(JinjaError) -> JinjaValue {
    if let int = value.asInt {
      guard isNegative else { return .int(int) }
      let (negative, overflows) = 0.subtractingReportingOverflow(int)
      guard !overflows else { throw overflow }
      return .int(negative)
    }
    guard let double = value.asDouble else { throw JinjaError("\(value.kind) has no sign") }
    return .double(isNegative ? -double : double)
  }

  /// What an integer that is too large is refused by.
  static var overflow: JinjaError { JinjaError("an integer is beyond 64 bits") }

  /// What `left operation right` is.
  mutating func arithmetic(
    _ operation: String, _ left: JinjaValue, _ right: JinjaValue
  ) throws(JinjaError) -> JinjaValue {
    switch (operation, left, right) {
    case ("+", .text(let left), .text(let right)): return try text(left + right)
    case ("+", .safe, _) where right.asText != nil, ("+", _, .safe) where left.asText != nil:
      return .safe(try safe(left) + safe(right))
    case ("+", .list(let left), .list(let right)) where left.kind == right.kind && left.kind.isListOrTuple:
      return try list(left.elements + right.elements, left.kind)
    case ("*", .list(let part), _) where part.kind.isListOrTuple && right.asInt != nil:
      return try repeated(part, right.asInt ?? 0)
    case ("*", _, .list(let part)) where part.kind.isListOrTuple && left.asInt != nil:
      return try repeated(part, left.asInt ?? 0)
    case ("*", .text(let part), _) where right.asInt != nil: return try repeated(part, right.asInt ?? 0)
    case ("*", _, .text(let part)) where left.asInt != nil: return try repeated(part, left.asInt ?? 0)
    case ("*", .safe, _), ("*", _, .safe):
      return .safe(try arithmetic(operation, left.plain, right.plain).asText ?? [])
    case ("%", .text, _), ("%", .safe, _): throw JinjaError("strings are not formatted with % here")
    default: break
    }
    guard left.isDefined, right.isDefined, let leftDouble = left.asDouble, let rightDouble = right.asDouble
    else {
      throw JinjaError("\(left.kind) \(operation) \(right.kind) has no value")
    }
    if let left = left.asInt, let right = right.asInt {
      if let result = try Self.integer(operation, left, right) { return result }
    }
    if ["/", "//", "%"].contains(operation), rightDouble == 0 {
      throw JinjaError("a number is divided by 0")
    }
    switch operation {
    case "+": return .double(leftDouble + rightDouble)
    case "-": return .double(leftDouble - rightDouble)
    case "*": return .double(leftDouble * rightDouble)
    case "/": return .double(leftDouble / rightDouble)
    case "//", "%":
      let (quotient, remainder) = Self.divided(leftDouble, rightDouble)
      return .double(operation == "//" ? quotient : remainder)
    default:
      let power = pow(leftDouble, rightDouble)
      guard power.isFinite else { throw JinjaError("a power is no finite number") }
      return .double(power)
    }
  }

  /// Quotient and remainder as Python's `divmod` has them.
  private static func divided(_ left: Double, _ right: Double) -> (quotient: Double, remainder: Double) {
    var remainder = left.truncatingRemainder(dividingBy: right)
    var quotient = (left - remainder) / right
    if remainder == 0 {
      remainder = .init(signOf: right, magnitudeOf: 0)
    } else if (right < 0) != (remainder < 0) {
      remainder += right
      quotient -= 1
    }
    guard quotient != 0 else { return (.init(signOf: left / right, magnitudeOf: 0), remainder) }
    let floor = quotient.rounded(.down)
    return (quotient - floor > 0.5 ? floor + 1 : floor, remainder)
  }

  /// Of integers; nil where it is no integer.
  private static func integer(_ operation: String, _ left: Int, _ right: Int) throws(JinjaError)
    -> JinjaValue?
  {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case "+": result = left.addingReportingOverflow(right)
    case "-": result = left.subtractingReportingOverflow(right)
    case "*": result = left.multipliedReportingOverflow(by: right)
    case "//", "%":
      guard right != 0 else { throw JinjaError("a number is divided by 0") }
      let quotient = left.dividedReportingOverflow(by: right)
      guard !quotient.overflow else { throw overflow }
      let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
      // Rounded down, as in Python, where Swift rounds towards 0.
      let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
      return .int(
        operation == "//"
          ? quotient.partialValue - (isBelow ? 1 : 0) : isBelow ? remainder + right : remainder)
    case "**":
      guard right >= 0 else { return nil }
      var power = 1
      // Within 64 bits nothing but 0, 1 and -1 has more than 63 factors.
      for _ in 0..<(right < 64 ? right : 64 + right % 2) {
        let (product, overflows) = power.multipliedReportingOverflow(by: left)
        guard !overflows else { throw overflow }
        power = product
      }
      return .int(power)
    default: return nil
    }
    guard !result.overflow else { throw overflow }
    return .int(result.partialValue)
  }

  private mutating func repeated(_ part: JinjaList, _ times: Int) throws(JinjaError) -> JinjaValue {
    guard times > 0, !part.elements.isEmpty else { return try list([], part.kind) }
    let (size, overflows) = part.extent.size.multipliedReportingOverflow(by: times)
    guard !overflows, size <= JinjaValue.sizeLimit else {
      throw JinjaError("a list holds more than a chat template needs")
    }
    try spend(size / 8)
    return try list((0..<times).flatMap { _ in part.elements }, part.kind)
  }

  private mutating func repeated(_ part: [UInt8], _ times: Int) throws(JinjaError) -> JinjaValue {
    guard times > 0 else { return .text([]) }
    let (count, overflows) = part.count.multipliedReportingOverflow(by: times)
    try spend(overflows ? .max : count / 8)
    var result: [UInt8] = []
    for _ in 0..<(part.isEmpty ? 0 : times) { result += part }
    return .text(result)
  }

  /// `left operation right`, of comparisons.
  mutating func compare(_ left: JinjaValue, _ operation: String, _ right: JinjaValue) throws(JinjaError)
    -> Bool
  {
    switch operation {
    case "==", "!=":
      try spend(1 + min(left.extent.size, right.extent.size) / 8)
      return left.equals(right) == (operation == "==")
    case "in": return try contains(right, left)
    case "not in": return !(try contains(right, left))
    default: break
    }
    guard let isLess = operation.hasPrefix("<") ? left.isLess(than: right) : right.isLess(than: left) else {
      throw JinjaError("\(left.kind) \(operation) \(right.kind) has no answer")
    }
    return isLess || (operation.hasSuffix("=") && left.equals(right))
  }

  private mutating func contains(_ container: JinjaValue, _ value: JinjaValue) throws(JinjaError) -> Bool {
    switch (container.plain, value.plain) {
    case (.text(let text), .text(let part)): return try firstIndex(of: part, in: text, from: 0) != nil
    case (.text, _): throw JinjaError("\(value.kind) is looked for in a string")
    case (.list(let list), _):
      try spend(1 + list.extent.size / 8)
      return list.elements.contains { $0.equals(value) }
    case (.iterator(let number), _):
      // What is gone through is gone.
      while let element = iterators[number].popFirst() {
        try spend(1 + element.extent.size / 8)
        if element.equals(value) { return true }
      }
      return false
    case (.dictionary, .list), (.dictionary, .dictionary):
      guard case .list(let list) = value, list.kind != .list else {
        throw JinjaError("\(value.kind) cannot be the key of a dictionary")
      }
      return false
    case (.dictionary(let dictionary), _): return dictionary.value(value) != nil
    case (.undefined, _): return false
    default: throw JinjaError("\(container.kind) holds nothing that could be looked for")
    }
  }

  /// Where `part` first occurs in `text` at or behind `start`.
  mutating func firstIndex(of part: [UInt8], in text: [UInt8], from start: Int) throws(JinjaError) -> Int? {
    guard let first = part.first else { return start <= text.count ? start : nil }
    var (place, compared) = (start, 0)
    while place + part.count <= text.count {
      if text[place] == first {
        var matched = 1
        while matched < part.count, text[place + matched] == part[matched] { matched += 1 }
        if matched == part.count { return place }
        compared += matched
        // Most of a long text may begin like `part` again and again.
        if compared > 1 << 12 {
          try spend(compared / 8)
          compared = 0
        }
      }
      place += 1
    }
    try spend(1 + max(0, text.count - start) / 32)
    return nil
  }
}

/// Texts that are safe: what is put to them is escaped.
///
/// Source: `markupsafe/__init__.py` of MarkupSafe 3.
extension JinjaRun {
  private static let escapes: [UInt8: String] = [
    UInt8(ascii: "&"): "&amp;", UInt8(ascii: "<"): "&lt;", UInt8(ascii: ">"): "&gt;",
    UInt8(ascii: "'"): "&#39;",
    UInt8(ascii: "\""): "&#34;",
  ]

  /// The text of a value with `&`, `<`, `>` and quotes escaped, but for one that is safe.
  mutating func safe(_ value: JinjaValue) throws(JinjaError) -> [UInt8] {
    if case .safe(let text) = value { return text }
    let text = try string(value)
    try spend(1 + text.count / 8)
    return text.flatMap { byte in Self.escapes[byte].map { Array($0.utf8) } ?? [byte] }
  }
}

extension JinjaValue {
  /// The value, safe if `other` is and it is a text, or has texts as elements.
  func likeSafe(_ other: JinjaValue) throws(JinjaError) -> JinjaValue {
    switch (other, self) {
    case (.safe, .text(let text)): return .safe(text)
    case (.safe, .list(let list)):
      return try .list(
        list.elements.map { element in element.asText.map { .safe($0) } ?? element }, list.kind)
    default: return self
    }
  }
}
