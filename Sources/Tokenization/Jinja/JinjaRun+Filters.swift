/// What stands behind `|`.
///
/// Source: `jinja2/filters.py` of Jinja 3.1, and `tojson` as transformers has it.
extension JinjaRun {
  /// What `value | name(arguments)` is.
  mutating func filtered(
    _ value: JinjaValue, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch name {
    case "string": return try text(try string(value))
    case "safe": return value
    case "default", "d":
      let isMissing = arguments.value(1, "boolean")?.isTrue == true ? !value.isTrue : !value.isDefined
      return isMissing ? arguments.value(0, "default_value") ?? .text([]) : value
    case "length", "count": return .int(try length(value))
    case "tojson": return try json(value, arguments)
    case "int", "float", "abs", "round": return try number(value, name, arguments)
    case "trim": return try call("strip", of: .text(try string(value)), arguments)
    case "upper", "lower", "capitalize", "replace":
      return try call(name, of: .text(try string(value)), arguments)
    case "title": return try text(Self.titled(try string(value)))
    case "escape", "e", "forceescape": return try escaped(try string(value))
    case "indent": return try indented(try string(value), arguments)
    default: return try filteredElements(value, name, arguments)
    }
  }

  /// Filters that go through the elements of a value.
  private mutating func filteredElements(
    _ value: JinjaValue, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch name {
    case "items", "dictsort":
      if !value.isDefined, name == "items" { return try list([]) }
      guard case .dictionary = value else { throw JinjaError("\(value.kind) has no keys") }
      let items = try call("items", of: value, JinjaArguments())
      guard name == "dictsort" else { return items }
      let byValue = arguments.value(1, "by")?.asText == Array("value".utf8)
      return try sorted(
        items, attribute: .int(byValue ? 1 : 0),
        isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false,
        isReversed: arguments.value(2, "reverse")?.isTrue ?? false)
    case "first": return try elements(of: value).first ?? .undefined("first")
    case "last": return try elements(of: value).last ?? .undefined("last")
    case "list": return try list(try elements(of: value))
    case "reverse":
      let elements = try elements(of: value)
      guard value.asText == nil else { return try joined(elements.reversed(), []) }
      return try list(elements.reversed())
    case "join":
      var elements = try elements(of: value)
      if let attribute = arguments.value(1, "attribute") {
        elements = try attributes(attribute, of: elements)
      }
      return try joined(
        elements, try arguments.value(0, "d").map { value throws(JinjaError) in try string(value) } ?? [])
    // These go through nothing where there is none.
    case "map": return try list(try mapped(value.isTrue ? try elements(of: value) : [], arguments))
    case "select", "reject", "selectattr", "rejectattr":
      return try chosen(value.isTrue ? try elements(of: value) : [], name, arguments)
    case "sort":
      return try sorted(
        value, attribute: arguments.value(2, "attribute"),
        isCaseSensitive: arguments.value(1, "case_sensitive")?.isTrue ?? false,
        isReversed: arguments.value(0, "reverse")?.isTrue ?? false)
    case "min", "max":
      let ordered = try elements(
        of: try sorted(
          value, attribute: arguments.value(1, "attribute"),
          isCaseSensitive: arguments.value(0, "case_sensitive")?.isTrue ?? false, isReversed: name == "max"))
      return ordered.first ?? .undefined(name)
    case "unique": return try list(try unique(try elements(of: value), arguments))
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
    switch value {
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
    return try list(result)
  }

  /// Elements in order; the order of equal ones stays.
  private mutating func sorted(
    _ value: JinjaValue, attribute: JinjaValue?, isCaseSensitive: Bool, isReversed: Bool
  ) throws(JinjaError) -> JinjaValue {
    let elements = try elements(of: value)
    let keys = try keys(elements, attribute, isCaseSensitive: isCaseSensitive)
    // A comparison costs what there is to compare, and there are some twenty for each element at most.
    try spend(20 * elements.count + 2 * value.extent.size)
    var incomparable: (JinjaValue, JinjaValue)?
    let order = elements.indices.sorted { left, right in
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
    func parsed() -> Double? {
      if let text = value.asText {
        return Double(String(decoding: JinjaText.trimmed(text[...]), as: UTF8.self).replacing("_", with: ""))
      }
      return value.asDouble
    }
    switch name {
    case "int":
      let standard = arguments.value(0, "default") ?? .int(0)
      if let int = value.asInt { return .int(int) }
      if let text = value.asText, let int = Int(String(decoding: JinjaText.trimmed(text[...]), as: UTF8.self))
      {
        return .int(int)
      }
      guard let double = parsed(), let int = Int(exactly: double.rounded(.towardZero)) else {
        return standard
      }
      return .int(int)
    case "float": return parsed().map { .double($0) } ?? arguments.value(0, "default") ?? .double(0)
    case "abs":
      let isNegative = value.asDouble.map { $0 < 0 } ?? false
      return try Self.signed(value, isNegative: isNegative)
    default:
      guard let double = value.asDouble, arguments.value(1, "method") == nil,
        (0...15).contains(arguments.value(0, "precision")?.asInt ?? 0)
      else { throw JinjaError("\(value.kind) is rounded in a way that is not done here") }
      if let int = value.asInt { return .int(int) }
      var scale = 1.0
      for _ in 0..<(arguments.value(0, "precision")?.asInt ?? 0) { scale *= 10 }
      return .double((double * scale).rounded(.toNearestOrEven) / scale)
    }
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

  private mutating func escaped(_ text: [UInt8]) throws(JinjaError) -> JinjaValue {
    let names: [UInt8: String] = [
      UInt8(ascii: "&"): "&amp;", UInt8(ascii: "<"): "&lt;", UInt8(ascii: ">"): "&gt;",
      UInt8(ascii: "'"): "&#39;",
      UInt8(ascii: "\""): "&#34;",
    ]
    return try self.text(text.flatMap { byte in names[byte].map { Array($0.utf8) } ?? [byte] })
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
    for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    {
      if index > 0 { result.append(UInt8(ascii: "\n")) }
      if index > 0 ? !line.isEmpty || indentsBlank : indentsFirst { result += indent }
      result += line
      try spend(1 + (indent.count + line.count) / 8)
    }
    return .text(result)
  }
}
