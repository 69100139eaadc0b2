/// Functions of values.
extension JinjaRun {
  private static let textMethods: Set<String> = [
    "split", "rsplit", "strip", "lstrip", "rstrip", "startswith", "endswith", "replace", "upper", "lower",
    "title",
    "capitalize", "join", "find", "rfind", "index", "count", "splitlines", "isdigit", "isalpha", "isalnum",
    "isspace",
    "removeprefix", "removesuffix", "format",
  ]
  private static let dictionaryMethods: Set<String> = ["get", "items", "keys", "values", "copy"]
  private static let listMethods: Set<String> = ["index", "count", "copy"]
  /// What would change a value; named, so that a template that calls it is told why it may not.
  private static let dictionaryChanges: Set<String> = ["pop", "popitem", "clear", "update", "setdefault"]
  private static let listChanges: Set<String> = [
    "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear",
  ]

  /// The names of the functions that a value has.
  static func methods(of value: JinjaValue) -> Set<String> {
    switch value {
    case .text, .safe: textMethods
    case .dictionary: dictionaryMethods.union(dictionaryChanges)
    case .list(let list):
      switch list.kind {
      case .list: listMethods.union(listChanges)
      case .tuple, .range: ["index", "count"]
      case .view: []
      }
    case .loop: ["cycle"]
    default: []
    }
  }

  /// What the function `name` of a value gives.
  mutating func call(_ name: String, of value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    guard !Self.listChanges.union(Self.dictionaryChanges).contains(name) else {
      throw JinjaError("“\(name)” would change \(value.kind), which no chat template may")
    }
    switch value {
    case .text(let text): return try call(name, ofText: text, arguments)
    case .safe(let text):
      let given = arguments.positional + arguments.named.map(\.value)
      for case .text(let text) in given where try safe(.text(text)) != text {
        throw JinjaError("“\(name)” of a safe string is given one with &, <, > or quotes")
      }
      return try call(name, ofText: text, arguments).likeSafe(value)
    case .dictionary(let dictionary): return try call(name, of: dictionary, arguments)
    case .list(let list): return try call(name, of: list, arguments)
    case .loop(let number):
      guard !arguments.positional.isEmpty else { throw JinjaError("“cycle” is given nothing") }
      return arguments.positional[loops[number].index % arguments.positional.count]
    default: throw JinjaError("\(value.kind) has no function “\(name)”")
    }
  }

  private mutating func call(
    _ name: String, of dictionary: JinjaDictionary, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    switch name {
    case "get":
      guard let key = arguments.positional.first else { throw JinjaError("“get” is given no key") }
      return dictionary.value(key) ?? arguments.value(1, "default") ?? .none
    case "keys": return try list(dictionary.members.map(\.key), .view(name))
    case "values": return try list(dictionary.members.map(\.value), .view(name))
    case "copy": return .dictionary(dictionary)
    default:
      var items: [JinjaValue] = []
      for member in dictionary.members { items.append(try list([member.key, member.value], .tuple)) }
      return try list(items, .view("items"))
    }
  }

  private mutating func call(
    _ name: String, of list: JinjaList, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    if name == "copy" { return .list(list) }
    guard let value = arguments.positional.first, arguments.positional.count == 1 else {
      throw JinjaError("“\(name)” is given something else than one value")
    }
    try spend(1 + list.extent.size / 8)
    if name == "count" { return .int(list.elements.count { $0.equals(value) }) }
    guard let index = list.elements.firstIndex(where: { $0.equals(value) }) else {
      throw JinjaError("“index” looks for what is not in the list")
    }
    return .int(index)
  }

  private mutating func call(
    _ name: String, ofText text: [UInt8], _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    try spend(1 + text.count / 8)
    let first = arguments.positional.first
    func part(_ index: Int, _ name: String) throws(JinjaError) -> [UInt8] {
      guard let text = arguments.value(index, name)?.asText else {
        throw JinjaError("a string's function is given something else than a string")
      }
      return text
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      return try self.text(try Self.stripped(text, first, front: name != "rstrip", back: name != "lstrip"))
    case "startswith", "endswith":
      var parts: [JinjaValue] = first.map { [$0] } ?? []
      if case .list(let list)? = first, list.kind == .tuple { parts = list.elements }
      for part in parts {
        guard let part = part.asText else { throw JinjaError("“\(name)” is given \(part.kind)") }
        if name == "startswith" ? text.starts(with: part) : Self.ends(text, part) { return .bool(true) }
      }
      return .bool(false)
    case "removeprefix":
      let part = try part(0, "prefix")
      return try self.text(text.starts(with: part) ? Array(text.dropFirst(part.count)) : text)
    case "removesuffix":
      let part = try part(0, "suffix")
      return try self.text(Self.ends(text, part) ? text.dropLast(part.count) : text)
    case "replace":
      return try replaced(
        text, try part(0, "old"), try part(1, "new"), arguments.value(2, "count")?.asInt ?? -1)
    case "format": return try formatted(text, arguments)
    case "upper": return try self.text(Array(String(decoding: text, as: UTF8.self).uppercased().utf8))
    case "lower": return try self.text(Array(String(decoding: text, as: UTF8.self).lowercased().utf8))
    case "capitalize", "title": return try self.text(Self.capitalized(text, everyWord: name == "title"))
    case "split", "rsplit": return try split(text, name, arguments)
    case "splitlines": return try splitLines(text, keepsEnds: arguments.value(0, "keepends")?.isTrue ?? false)
    case "join":
      guard let first else { throw JinjaError("“join” is given nothing") }
      let elements = try elements(of: first)
      if let other = elements.first(where: { $0.asText == nil }) {
        throw JinjaError("“join” is given \(other.kind)")
      }
      return try joined(elements, text)
    case "find", "rfind", "index":
      let part = try part(0, "sub")
      guard arguments.positional.count == 1 else {
        throw JinjaError("“\(name)” with bounds is not done here")
      }
      var place = try firstIndex(of: part, in: text, from: 0)
      while name == "rfind", let found = place, let next = try firstIndex(of: part, in: text, from: found + 1)
      {
        place = next
      }
      if place == nil, name == "index" { throw JinjaError("“index” looks for what is not in the string") }
      return .int(place.map { place in text[..<place].count { $0 & 0xC0 != 0x80 } } ?? -1)
    case "count":
      let part = try part(0, "sub")
      guard !part.isEmpty else { return .int(JinjaText.scalars(text).count + 1) }
      return .int(try places(of: part, in: text, limit: -1).count)
    default:
      let scalars = JinjaText.scalars(text)
      return .bool(!scalars.isEmpty && scalars.allSatisfy { Self.has(name, $0) })
    }
  }

  private static func has(_ name: String, _ scalar: Unicode.Scalar) -> Bool {
    let isLetter =
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
      default: false
      }
    let isDigit = scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
    return switch name {
    case "isspace": JinjaText.isSpace(scalar)
    case "isdigit": isDigit
    case "isalpha": isLetter
    default: isLetter || isDigit || scalar.properties.numericType != nil
    }
  }

  private static func ends(_ text: [UInt8], _ part: [UInt8]) -> Bool {
    text.suffix(part.count).elementsEqual(part)
  }

  /// `text` without white space, or any of the characters of `characters`, at its ends.
  private static func stripped(
    _ text: [UInt8], _ characters: JinjaValue?, front: Bool, back: Bool
  ) throws(JinjaError) -> [UInt8] {
    var isStripped = JinjaText.isSpace
    switch characters {
    case nil, JinjaValue.none?:
      var rest = text[...]
      if front { rest = rest.dropFirst(JinjaText.spaceCount(rest)) }
      if back { rest = rest[..<JinjaText.endOfContent(rest)] }
      return Array(rest)
    case .text(let characters)?:
      let set = Set(JinjaText.scalars(characters))
      isStripped = { set.contains($0) }
    case let other?: throw JinjaError("a string is stripped of \(other.kind)")
    }
    var rest = JinjaText.scalars(text)[...]
    if front { rest = rest.drop(while: isStripped) }
    while back, let last = rest.last, isStripped(last) { rest.removeLast() }
    return JinjaText.bytes(rest)
  }

  private static func capitalized(_ text: [UInt8], everyWord: Bool) -> [UInt8] {
    var isStart = true
    var result = ""
    for scalar in JinjaText.scalars(text) {
      result += isStart ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping
      isStart = everyWord && !scalar.properties.isCased
    }
    return Array(result.utf8)
  }

  /// Where `part` occurs, one behind the other, at most `limit` times if that is not negative.
  private mutating func places(of part: [UInt8], in text: [UInt8], limit: Int) throws(JinjaError) -> [Int] {
    var places: [Int] = []
    var next = 0
    while limit < 0 || places.count < limit, let place = try firstIndex(of: part, in: text, from: next) {
      places.append(place)
      next = place + part.count
      try spend(1)
    }
    return places
  }

  private mutating func replaced(
    _ text: [UInt8], _ old: [UInt8], _ new: [UInt8], _ limit: Int
  ) throws(JinjaError) -> JinjaValue {
    guard !old.isEmpty else {
      // Before each character, and behind the last.
      let scalars = JinjaText.scalars(text)
      let count = limit < 0 ? scalars.count + 1 : min(limit, scalars.count + 1)
      try spend(1 + count * (1 + new.count / 8))
      return try self.text(
        scalars.enumerated().flatMap { ($0 < count ? new : []) + JinjaText.bytes([$1]) }
          + (count > scalars.count ? new : []))
    }
    var result: [UInt8] = []
    var start = 0
    for place in try places(of: old, in: text, limit: limit) {
      try spend(1 + new.count / 8)
      result += text[start..<place] + new
      start = place + old.count
    }
    return try self.text(result + text[start...])
  }

  private mutating func split(
    _ text: [UInt8], _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    let limit = arguments.value(1, "maxsplit")?.asInt ?? -1
    var parts: [[UInt8]] = []
    switch arguments.value(0, "sep") {
    case nil, JinjaValue.none?:
      guard limit < 0 else { return try list(try wordsAndRest(text, limit, fromEnd: name == "rsplit")) }
      parts = String(decoding: text, as: UTF8.self).unicodeScalars.split(whereSeparator: JinjaText.isSpace)
        .map { Array(String($0).utf8) }
    case .text(let separator)?:
      guard !separator.isEmpty else { throw JinjaError("a string is split at an empty one") }
      var places = try places(of: separator, in: text, limit: name == "split" ? limit : -1)
      if name == "rsplit", limit >= 0 { places = places.suffix(limit) }
      var start = 0
      for place in places {
        parts.append(Array(text[start..<place]))
        start = place + separator.count
      }
      parts.append(Array(text[start...]))
    case let other?: throw JinjaError("a string is split at \(other.kind)")
    }
    return try list(parts.map { .text($0) })
  }

  /// Up to `limit` words, and what is left of the text, without the white space between.
  private mutating func wordsAndRest(_ text: [UInt8], _ limit: Int, fromEnd: Bool) throws(JinjaError)
    -> [JinjaValue]
  {
    var rest = JinjaText.scalars(text)[...]
    var words: [JinjaValue] = []
    while true {
      if fromEnd {
        while let last = rest.last, JinjaText.isSpace(last) { rest.removeLast() }
      } else {
        rest = rest.drop(while: JinjaText.isSpace)
      }
      guard !rest.isEmpty else { break }
      var count = rest.count
      if words.count < limit {
        count =
          fromEnd
          ? rest.reversed().prefix { !JinjaText.isSpace($0) }.count
          : rest.prefix { !JinjaText.isSpace($0) }.count
      }
      words.append(.text(JinjaText.bytes(fromEnd ? rest.suffix(count) : rest.prefix(count))))
      rest = fromEnd ? rest.dropLast(count) : rest.dropFirst(count)
      try spend(1 + count / 8)
    }
    return fromEnd ? words.reversed() : words
  }

  /// The lines of `text`, as Python's `splitlines` has them.
  mutating func splitLines(_ text: [UInt8], keepsEnds: Bool) throws(JinjaError) -> JinjaValue {
    let ends: Set<Unicode.Scalar> = [
      "\n", "\r", "\u{0B}", "\u{0C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}",
    ]
    var lines: [JinjaValue] = []
    var line = String.UnicodeScalarView()
    let scalars = JinjaText.scalars(text)
    var index = 0
    while index < scalars.count {
      let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
      let end = scalars[index..<index + (isPair ? 2 : 1)]
      index += end.count
      guard let first = end.first, ends.contains(first) else {
        line += end
        continue
      }
      lines.append(.string(String(line) + (keepsEnds ? String(String.UnicodeScalarView(end)) : "")))
      line = .init()
    }
    if !line.isEmpty { lines.append(.string(String(line))) }
    return try list(lines)
  }

  /// `text` with values in the place of `{}`, `{1}` or `{name}`.
  private mutating func formatted(_ text: [UInt8], _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    var result: [UInt8] = []
    var rest = text[...]
    var next = 0
    while let byte = rest.popFirst() {
      let isOpening = byte == UInt8(ascii: "{")
      guard isOpening || byte == UInt8(ascii: "}") else {
        result.append(byte)
        continue
      }
      if rest.first == byte {
        result.append(byte)
        rest.removeFirst()
        continue
      }
      guard isOpening, let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
        throw JinjaError("“format” is given a string with a bracket alone")
      }
      let field = String(decoding: rest[..<end], as: UTF8.self)
      rest = rest[(end + 1)...]
      let index = field.isEmpty ? next : Int(field)
      if field.isEmpty { next += 1 }
      let named = arguments.named.first { $0.name == field }?.value
      guard
        let value = index.flatMap({
          arguments.positional.indices.contains($0) ? arguments.positional[$0] : nil
        }) ?? named
      else { throw JinjaError("“format” has no value for {\(field.prefix(40))}") }
      result += try string(value)
    }
    return try self.text(result)
  }
}
