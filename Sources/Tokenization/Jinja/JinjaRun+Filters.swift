internal import Glibc

/// What stands behind `|`.
///
/// Source: `jinja2/filters.py` of Jinja 3.1, and `tojson` as transformers has it.
extension JinjaRun {
  /// What `value | name(arguments)` is.
  mutating func filtered(
    _ value: JinjaValue, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch name {
    case "string": return try text(try string(value)).likeSafe(value)
    case "safe": return .safe(try string(value))
    case "default", "d":
      let isMissing = arguments.value(1, "boolean")?.isTrue == true ? !value.isTrue : !value.isDefined
      return isMissing ? arguments.value(0, "default_value") ?? .text([]) : value
    case "length", "count": return .int(try length(value))
    case "tojson": return try json(value, arguments)
    case "int", "float", "abs", "round": return try number(value, name, arguments)
    case "trim", "upper", "lower", "capitalize":
      let method = name == "trim" ? "strip" : name
      return try call(method, of: .text(try string(value)), arguments).likeSafe(value)
    case "replace": return try call(name, of: .text(try string(value)), arguments)
    case "title": return try text(Self.titled(try string(value)))
    case "escape", "e": return .safe(try safe(value))
    case "forceescape": return .safe(try safe(value.plain))
    case "indent":
      guard let text = value.asText else { throw JinjaError("\(value.kind) is indented") }
      return try indented(text, arguments).likeSafe(value)
    default: return try filteredElements(value, name, arguments)
    }
  }

  /// Filters that go through the elements of a value.
  private mutating func filteredElements(
    _ value: JinjaValue, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch name {
    case "items", "dictsort":
      if !value.isDefined, name == "items" { return try iterator([]) }
      guard case .dictionary = value else { throw JinjaError("\(value.kind) has no keys") }
      let items = try call("items", of: value, JinjaArguments())
      guard name == "dictsort" else { return try iterator(try elements(of: items)) }
      let byValue = arguments.value(1, "by")?.asText == Array("value".utf8)
      return try sorted(
        items, attribute: .int(byValue ? 1 : 0),
        isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false,
        isReversed: arguments.value(2, "reverse")?.isTrue ?? false)
    case "first":
      if case .iterator(let number) = value { return iterators[number].popFirst() ?? .undefined("first") }
      return try elements(of: value).first ?? .undefined("first")
    case "last":
      if case .iterator = value { throw JinjaError("\(value.kind) has no last element") }
      return try elements(of: value).last ?? .undefined("last")
    case "list": return try list(try elements(of: value))
    case "reverse":
      let elements = try elements(of: value)
      guard value.asText == nil else { return try joined(elements.reversed(), []).likeSafe(value) }
      // As in Jinja, which makes a list of what has no end to begin at.
      if case .iterator = value { return try list(elements.reversed()) }
      return try iterator(elements.reversed())
    case "join":
      var elements = try elements(of: value)
      if let attribute = arguments.value(1, "attribute") {
        elements = try attributes(attribute, of: elements)
      }
      return try joined(
        elements, try arguments.value(0, "d").map { value throws(JinjaError) in try string(value) } ?? [])
    // These go through nothing where there is none.
    case "map": return try iterator(try mapped(value.isTrue ? try elements(of: value) : [], arguments))
    case "select", "reject", "selectattr", "rejectattr":
      return try chosen(value.isTrue ? try elements(of: value) : [], name, arguments)
    case "sort":
      return try sorted(
        value, attribute: arguments.value(2, "attribute"),
        isCaseSensitive: arguments.value(1, "case_sensitive")?.isTrue ?? false,
        isReversed: arguments.value(0, "reverse")?.isTrue ?? false, areEqualKept: true)
    case "min", "max":
      let ordered = try elements(
        of: try sorted(
          value, attribute: arguments.value(1, "attribute"),
          isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false, isReversed: name == "max"))
      return ordered.first ?? .undefined(name)
    case "unique": return try iterator(try unique(try elements(of: value), arguments))
    case "sum":
      var elements = try elements(of: value)
      if let attribute = arguments.value(0, "attribute") {
        elements = try attributes(attribute, of: elements)
      }
      var sum = arguments.value(1, "start") ?? .int(0)
      for element in elements { sum = try arithmetic("+", sum, element) }
      return sum
    default: throw JinjaError("the filter “\(name.prefix(40))” is not among those that are done here")
    }
  }

  /// `text` with a capital wherever a word begins: behind white space, a hyphen or an opening bracket.
  private static func titled(_ text: [UInt8]) -> [UInt8] {
    var isStart = true
    var result = ""
    for scalar in JinjaText.scalars(text) {
      result += isStart ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      isStart = JinjaText.isSpace(scalar) || ["-", "(", "{", "[", "<"].contains(scalar)
    }
    return Array(result.utf8)
  }

  /// An attribute of each element; a name with points goes from one to the next.
  private mutating func attributes(
    _ attribute: JinjaValue, of elements: [JinjaValue], standard: JinjaValue? = nil
  ) throws(JinjaError) -> [JinjaValue] {
    var path = [attribute]
    if let text = attribute.asText {
      path = text.split(separator: UInt8(ascii: ".")).map { part in
        Int(String(decoding: part, as: UTF8.self)).map { .int($0) } ?? .text(Array(part))
      }
    }
    try spend(elements.count * path.count)
    var result: [JinjaValue] = []
    for element in elements {
      var value = element
      for part in path {
        value = try self.element(of: value, part)
        if !value.isDefined, let standard { value = standard }
      }
      result.append(value)
    }
    return result
  }

  private func length(_ value: JinjaValue) throws(JinjaError) -> Int {
    switch value.plain {
    case .undefined: 0
    case .text(let text): text.count { $0 & 0xC0 != 0x80 }
    case .list(let list): list.elements.count
    case .dictionary(let dictionary): dictionary.members.count
    default: throw JinjaError("\(value.kind) has no length")
    }
  }

  /// Elements as strings, with `separator` between them.
  mutating func joined(_ elements: [JinjaValue], _ separator: [UInt8]) throws(JinjaError) -> JinjaValue {
    var result: [UInt8] = []
    for (index, element) in elements.enumerated() {
      if index > 0 { result += separator }
      result += try string(element)
      try spend(1 + separator.count / 8)
    }
    return try text(result)
  }

  private mutating func mapped(
    _ elements: [JinjaValue], _ arguments: JinjaArguments
  ) throws(JinjaError) -> [JinjaValue] {
    if let attribute = arguments.named.first(where: { $0.name == "attribute" })?.value {
      let standard = arguments.named.first { $0.name == "default" }?.value
      return try attributes(attribute, of: elements, standard: standard)
    }
    guard let name = arguments.positional.first?.asText else { throw JinjaError("“map” is given no filter") }
    let rest = JinjaArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    var result: [JinjaValue] = []
    for element in elements {
      result.append(try filtered(element, String(decoding: name, as: UTF8.self), rest))
    }
    return result
  }

  private mutating func chosen(
    _ elements: [JinjaValue], _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    var rest = arguments.positional
    var tested = elements
    if name.hasSuffix("attr") {
      guard let attribute = rest.first else { throw JinjaError("“\(name)” is given no attribute") }
      rest.removeFirst()
      tested = try attributes(attribute, of: elements)
    }
    let test = try rest.first.map { value throws(JinjaError) in
      String(decoding: try string(value), as: UTF8.self)
    }
    let testArguments = JinjaArguments(positional: Array(rest.dropFirst()), named: arguments.named)
    let wanted = name.hasPrefix("select")
    var result: [JinjaValue] = []
    for (element, value) in zip(elements, tested) {
      let holds =
        try test.map { test throws(JinjaError) in try self.holds(test, of: value, testArguments) }
        ?? value.isTrue
      if holds == wanted { result.append(element) }
    }
    return try iterator(result)
  }

  /// Elements in order; the order of equal ones stays.
  private mutating func sorted(
    _ value: JinjaValue, attribute: JinjaValue?, isCaseSensitive: Bool, isReversed: Bool,
    areEqualKept: Bool = false
  ) throws(JinjaError) -> JinjaValue {
    let elements = try elements(of: value)
    let keys = try keys(elements, attribute, isCaseSensitive: isCaseSensitive)
    // A comparison costs what there is to compare, and there are some twenty for each element at most.
    try spend(20 * elements.count + 2 * keys.reduce(0) { $0 + $1.extent.size })
    var incomparable: (JinjaValue, JinjaValue)?
    let order = elements.indices.sorted { left, right in
      // The filter “sort” compares lists of keys, in which what is equal needs no order.
      if areEqualKept, keys[left].equals(keys[right]) { return false }
      guard
        let isLess = isReversed ? keys[right].isLess(than: keys[left]) : keys[left].isLess(than: keys[right])
      else {
        incomparable = (keys[left], keys[right])
        return false
      }
      return isLess
    }
    if let (left, right) = incomparable { throw JinjaError("\(left.kind) and \(right.kind) have no order") }
    return try list(order.map { elements[$0] })
  }

  /// What elements are compared by.
  private mutating func keys(
    _ elements: [JinjaValue], _ attribute: JinjaValue?, isCaseSensitive: Bool
  ) throws(JinjaError) -> [JinjaValue] {
    var keys = elements
    if let attribute, attribute.isDefined, attribute.kind != JinjaValue.none.kind {
      keys = try attributes(attribute, of: elements)
    }
    guard !isCaseSensitive else { return keys }
    var lowered: [JinjaValue] = []
    for key in keys {
      lowered.append(key.asText == nil ? key : try call("lower", of: key, JinjaArguments()))
    }
    return lowered
  }

  private mutating func unique(
    _ elements: [JinjaValue], _ arguments: JinjaArguments
  ) throws(JinjaError) -> [JinjaValue] {
    let keys = try keys(
      elements, arguments.value(1, "attribute"),
      isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false)
    var seen = JinjaDictionary()
    var result: [JinjaValue] = []
    for (element, key) in zip(elements, keys) where seen.value(key) == nil {
      try seen.set(key, .none)
      result.append(element)
    }
    return result
  }

  private mutating func number(
    _ value: JinjaValue, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    if name == "abs" {
      return try Self.signed(value, isNegative: value.asDouble.map { $0 < 0 } ?? false)
    }
    if name == "round" { return try rounded(value, arguments) }
    guard value.isDefined else { throw JinjaError("\(value.kind) is made a number") }
    let digits = value.asText.map {
      String(decoding: JinjaText.trimmed($0[...]), as: UTF8.self).replacing("_", with: "")
    }
    // Swift reads more than Python.
    let isRead = digits.map { !$0.contains { "xXpP(".contains($0) } } ?? true
    let double = isRead ? digits.map { Double($0) } ?? value.asDouble : nil
    let standard = arguments.value(0, "default")
    guard name == "int" else { return double.map { .double($0) } ?? standard ?? .double(0) }
    if let int = value.asInt ?? digits.flatMap({ Int($0) }) { return .int(int) }
    guard let double, double.isFinite || digits == nil else { return standard ?? .int(0) }
    guard let int = Int(exactly: double.rounded(.towardZero)) else { throw Self.overflow }
    return .int(int)
  }

  private mutating func rounded(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    let precision = arguments.value(0, "precision")?.asInt ?? 0
    let rule: FloatingPointRoundingRule? =
      switch arguments.value(1, "method").map({ String(decoding: $0.asText ?? [], as: UTF8.self) }) {
      case nil, "common": .toNearestOrEven
      case "ceil": .up
      case "floor": .down
      default: nil
      }
    guard let double = value.asDouble, let rule, (0...15).contains(precision) else {
      throw JinjaError("\(value.kind) is rounded in a way that is not done here")
    }
    if rule == .toNearestOrEven {
      if let int = value.asInt { return .int(int) }
      // Of all its digits, where a product with a power of ten has been rounded already.
      var digits = [CChar](repeating: 0, count: 340)
      let count = withVaList([Int32(precision), double]) { vsnprintf(&digits, digits.count, "%.*f", $0) }
      let written = String(decoding: digits.prefix(Int(count)).map(UInt8.init), as: UTF8.self)
      return .double(Double(written) ?? double)
    }
    let scale = pow(10, Double(precision))
    let rounded = (double * scale).rounded(rule)
    guard Int(exactly: rounded) != nil else { throw Self.overflow }
    return .double(rounded / scale)
  }

  private mutating func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    var style = JinjaValue.JSONStyle()
    switch arguments.value(1, "indent") {
    case nil, JinjaValue.none?: break
    case .text(let indent)?: style = .init(indent: indent)
    case let width?:
      guard let width = width.asInt, width <= 64 else {
        throw JinjaError("“tojson” is given no width to indent by")
      }
      style = .init(indent: Array(repeating: UInt8(ascii: " "), count: max(width, 0)))
    }
    if case .list(let separators)? = arguments.value(2, "separators") {
      let texts = separators.elements.compactMap(\.asText)
      guard texts.count == 2 else { throw JinjaError("“tojson” is given something else than two separators") }
      style.separators = (texts[0], texts[1])
    }
    style.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
    style.isASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
    let width = (style.indent?.count ?? 0) * value.extent.depth + style.separators.element.count
    try spend(value.extent.size * (4 + width + style.separators.key.count) / 8)
    var result: [UInt8] = []
    try value.printJSON(to: &result, style)
    return .text(result)
  }

  private mutating func indented(_ text: [UInt8], _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    var indent = Array("    ".utf8)
    if let width = arguments.value(0, "width") {
      guard
        let written = width.asText
          ?? width.asInt.map({ Array(repeating: UInt8(ascii: " "), count: min(max($0, 0), 256)) })
      else { throw JinjaError("“indent” is given \(width.kind) for a width") }
      indent = written
    }
    let indentsFirst = arguments.value(1, "first")?.isTrue ?? false
    let indentsBlank = arguments.value(2, "blank")?.isTrue ?? false
    var result: [UInt8] = []
    let lines = try elements(of: try splitLines(text + [0x0A], keepsEnds: false)).map { $0.asText ?? [] }
    for (index, line) in lines.enumerated() {
      if index > 0 { result.append(UInt8(ascii: "\n")) }
      if index > 0 ? !line.isEmpty || indentsBlank : indentsFirst { result += indent }
      result += line
      try spend(1 + (indent.count + line.count) / 8)
    }
    return .text(result)
  }
}
