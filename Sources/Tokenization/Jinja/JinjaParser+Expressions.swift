/// Reads expressions, from those that bind least to those that bind most.
extension JinjaParser {
  /// An expression, or several with commas between, which are a tuple.
  ///
  /// - Parameter withChoice: Whether `a if b else c` is read as one.
  mutating func tuple(withChoice: Bool = true) throws(JinjaError) -> JinjaExpression {
    let first =
      withChoice ? try expression() : try nested { parser throws(JinjaError) in try parser.either() }
    guard current == .mark(",") else { return first }
    var elements = [first]
    while skip(",") {
      if current == .variableEnd || current == .blockEnd || current == .mark(")") { break }
      elements.append(
        withChoice ? try expression() : try nested { parser throws(JinjaError) in try parser.either() })
    }
    return try make(.tuple(elements), elements)
  }

  /// An expression.
  mutating func expression() throws(JinjaError) -> JinjaExpression {
    try nested { parser throws(JinjaError) in
      var result = try parser.either()
      while parser.skipName("if") {
        let test = try parser.either()
        let otherwise = parser.skipName("else") ? try parser.expression() : nil
        result = try parser.make(
          .choice(test, then: result, otherwise: otherwise), [test, result] + (otherwise.map { [$0] } ?? []))
      }
      return result
    }
  }

  /// One operation on `parts`.
  private func make(_ kind: JinjaExpression.Kind, _ parts: [JinjaExpression] = []) throws(JinjaError)
    -> JinjaExpression
  {
    let depth = 1 + (parts.map(\.depth).max() ?? 0)
    guard depth <= Self.depthLimit else {
      throw error("more than \(Self.depthLimit) operations within each other")
    }
    return JinjaExpression(kind: kind, depth: depth, line: line)
  }

  private mutating func either() throws(JinjaError) -> JinjaExpression {
    var left = try both()
    while skipName("or") {
      let right = try both()
      left = try make(.either(left, right), [left, right])
    }
    return left
  }

  private mutating func both() throws(JinjaError) -> JinjaExpression {
    var left = try negation()
    while skipName("and") {
      let right = try negation()
      left = try make(.both(left, right), [left, right])
    }
    return left
  }

  private mutating func negation() throws(JinjaError) -> JinjaExpression {
    guard skipName("not") else { return try comparison() }
    let operand = try nested { parser throws(JinjaError) in try parser.negation() }
    return try make(.negated(operand), [operand])
  }

  private mutating func comparison() throws(JinjaError) -> JinjaExpression {
    let first = try sum()
    var rest: [(operation: String, operand: JinjaExpression)] = []
    while true {
      if case .mark(let mark)? = current, ["==", "!=", "<", ">", "<=", ">="].contains(mark) {
        advance()
        rest.append((mark, try sum()))
      } else if skipName("in") {
        rest.append(("in", try sum()))
      } else if current == .name("not"), following == .name("in") {
        advance()
        advance()
        rest.append(("not in", try sum()))
      } else {
        return rest.isEmpty ? first : try make(.comparison(first, rest), [first] + rest.map(\.operand))
      }
    }
  }

  private mutating func sum() throws(JinjaError) -> JinjaExpression {
    try chain(["+", "-"]) { parser throws(JinjaError) in try parser.concatenation() }
  }

  private mutating func concatenation() throws(JinjaError) -> JinjaExpression {
    var parts = [try product()]
    while skip("~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try make(.concatenation(parts), parts)
  }

  private mutating func product() throws(JinjaError) -> JinjaExpression {
    try chain(["*", "/", "//", "%"]) { parser throws(JinjaError) in try parser.power() }
  }

  private mutating func power() throws(JinjaError) -> JinjaExpression {
    try chain(["**"]) { parser throws(JinjaError) in try parser.unary() }
  }

  private mutating func chain(
    _ marks: [String], _ operand: (inout JinjaParser) throws(JinjaError) -> JinjaExpression
  ) throws(JinjaError) -> JinjaExpression {
    var left = try operand(&self)
    while case .mark(let mark)? = current, marks.contains(mark) {
      advance()
      let right = try operand(&self)
      left = try make(.arithmetic(mark, left, right), [left, right])
    }
    return left
  }

  private mutating func unary(withFilters: Bool = true) throws(JinjaError) -> JinjaExpression {
    var result: JinjaExpression
    if current == .mark("-") || current == .mark("+") {
      let isNegative = skip("-")
      if !isNegative { advance() }
      let operand = try nested { parser throws(JinjaError) in try parser.unary(withFilters: false) }
      result = try make(.signed(operand, isNegative: isNegative), [operand])
    } else {
      result = try primary()
    }
    result = try postfix(result)
    return withFilters ? try filters(result) : result
  }

  private mutating func primary() throws(JinjaError) -> JinjaExpression {
    let token = current
    guard let token else { throw error("expected an expression, found the end of the template") }
    advance()
    switch token {
    case .name(let name):
      switch name {
      case "true", "True": return try make(.constant(.bool(true)))
      case "false", "False": return try make(.constant(.bool(false)))
      case "none", "None": return try make(.constant(.none))
      default: return try make(.name(name))
      }
    case .text(var text):
      while case .text(let more)? = current {
        text += more
        advance()
      }
      return try make(.constant(.text(text)))
    case .int(let value): return try make(.constant(.int(value)))
    case .double(let value): return try make(.constant(.double(value)))
    case .mark("("):
      if skip(")") { return try make(.tuple([])) }
      let result = try tuple()
      try expect(.mark(")"))
      return result
    case .mark("["):
      let elements = try elements(until: "]") { parser throws(JinjaError) in try parser.expression() }
      return try make(.list(elements), elements)
    case .mark("{"):
      let members = try elements(until: "}") { parser throws(JinjaError) in
        let key = try parser.expression()
        try parser.expect(.mark(":"))
        return (key: key, value: try parser.expression())
      }
      return try make(.dictionary(members), members.flatMap { [$0.key, $0.value] })
    default: throw error("expected an expression, found \(Self.shown(token))")
    }
  }

  private mutating func elements<T>(
    until end: String, _ read: (inout JinjaParser) throws(JinjaError) -> T
  ) throws(JinjaError) -> [T] {
    var result: [T] = []
    while !skip(end) {
      if !result.isEmpty {
        try expect(.mark(","))
        if skip(end) { break }
      }
      result.append(try read(&self))
    }
    return result
  }

  /// Attributes, elements and calls of `operand`.
  private mutating func postfix(_ operand: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    var result = operand
    while true {
      if skip(".") {
        if case .int(let index)? = current {
          advance()
          let index = try make(.constant(.int(index)))
          result = try make(.subscript_(result, index), [result, index])
        } else {
          result = try make(.attribute(result, try expectName()), [result])
        }
      } else if skip("[") {
        result = try element(of: result)
      } else if current == .mark("(") {
        let arguments = try arguments()
        result = try make(.call(result, arguments), [result] + arguments.all)
      } else {
        return result
      }
    }
  }

  private mutating func element(of operand: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    func isBorder() -> Bool { current == .mark(":") || current == .mark("]") }
    let first = isBorder() ? nil : try expression()
    if let first, skip("]") { return try make(.subscript_(operand, first), [operand, first]) }
    guard skip(":") else { throw error("expected “]” or “:”, found \(Self.shown(current))") }
    let last = isBorder() ? nil : try expression()
    let step = skip(":") && !isBorder() ? try expression() : nil
    try expect(.mark("]"))
    return try make(
      .slice(operand, from: first, to: last, by: step), [operand] + [first, last, step].compactMap(\.self))
  }

  private mutating func arguments() throws(JinjaError) -> JinjaExpression.Arguments {
    try expect(.mark("("))
    var result = JinjaExpression.Arguments()
    var isFirst = true
    while !skip(")") {
      if !isFirst {
        try expect(.mark(","))
        if skip(")") { break }
      }
      isFirst = false
      if current == .mark("**") { throw error("arguments unpacked with ** are not done here") }
      if skip("*") {
        guard result.unpacked == nil else { throw error("arguments are unpacked twice") }
        result.unpacked = try expression()
        continue
      }
      if case .name(let name)? = current, following == .mark("=") {
        advance()
        advance()
        result.named.append((name, try expression()))
      } else {
        guard result.named.isEmpty, result.unpacked == nil else {
          throw error("an argument without a name stands behind one with, or behind unpacked ones")
        }
        result.positional.append(try expression())
      }
    }
    return result
  }

  /// A filter's name and arguments.
  mutating func named() throws(JinjaError) -> JinjaExpression.Named {
    let name = try expectName()
    return .init(name: name, arguments: current == .mark("(") ? try arguments() : .init())
  }

  /// Filters and tests of `operand`.
  private mutating func filters(_ operand: JinjaExpression) throws(JinjaError) -> JinjaExpression {
    var result = operand
    while true {
      if skip("|") {
        let filter = try named()
        result = try make(.filter(result, filter), [result] + filter.arguments.all)
      } else if skipName("is") {
        let isNegated = skipName("not")
        let test = try test()
        result = try make(.test(result, test), [result] + test.arguments.all)
        if isNegated { result = try make(.negated(result), [result]) }
      } else if current == .mark("(") {
        let arguments = try arguments()
        result = try make(.call(result, arguments), [result] + arguments.all)
      } else {
        return result
      }
    }
  }

  /// A test's name and arguments, of which one may stand without brackets.
  private mutating func test() throws(JinjaError) -> JinjaExpression.Named {
    let name = try expectName()
    if current == .name("is") { throw error("a test is tested") }
    switch current {
    case .mark("("): return .init(name: name, arguments: try arguments())
    case .name(let next)? where !["else", "or", "and", "is", "if", "in", "not"].contains(next):
      return .init(name: name, arguments: .init(positional: [try testArgument()]))
    case .text, .int, .double, .mark("["), .mark("{"):
      return .init(name: name, arguments: .init(positional: [try testArgument()]))
    default: return .init(name: name, arguments: .init())
    }
  }

  private mutating func testArgument() throws(JinjaError) -> JinjaExpression { try postfix(try primary()) }
}
