/// Reads statements.
///
/// Source: `jinja2/parser.py` of Jinja 3.1. What chat templates do not use is refused by name: other files (`include`,
/// `extends`, `import`), blocks, recursive loops, and arguments unpacked with `**`.
struct JinjaParser {
  /// Statements and brackets within each other, at most; real templates have a dozen.
  static let nestingLimit = 100
  /// Operations of one expression within each other, at most.
  static let depthLimit = 200

  private let tokens: [(token: JinjaToken, line: Int)]
  private var place = 0
  private var nesting = 0
  private var loops = 0

  /// Statements of a template.
  ///
  /// - Throws: `JinjaError` where it is none, or asks for what is not done here.
  static func statements(_ text: String) throws(JinjaError) -> [JinjaStatement] {
    var parser = JinjaParser(tokens: try JinjaLexer.tokens(text))
    return try parser.body(until: [])
  }

  private init(tokens: [(token: JinjaToken, line: Int)]) { self.tokens = tokens }

  // MARK: Tokens

  /// The next token; nil at the end.
  var current: JinjaToken? { place < tokens.count ? tokens[place].token : nil }

  /// The one behind it.
  var following: JinjaToken? { place + 1 < tokens.count ? tokens[place + 1].token : nil }

  /// Its line.
  var line: Int { tokens.isEmpty ? 0 : tokens[min(place, tokens.count - 1)].line }

  /// Goes on to the next token.
  mutating func advance() { place += 1 }

  /// An error at this place.
  func error(_ reason: String) -> JinjaError { JinjaError(reason, line: line) }

  /// Goes past `mark` if it is next.
  mutating func skip(_ mark: String) -> Bool {
    guard current == .mark(mark) else { return false }
    advance()
    return true
  }

  /// Goes past the keyword `name` if it is next.
  mutating func skipName(_ name: String) -> Bool {
    guard current == .name(name) else { return false }
    advance()
    return true
  }

  /// Goes past `token`.
  mutating func expect(_ token: JinjaToken) throws(JinjaError) {
    guard current == token else { throw error("expected \(Self.shown(token)), found \(Self.shown(current))") }
    advance()
  }

  /// Goes past a name, and gives it.
  mutating func expectName() throws(JinjaError) -> String {
    guard case .name(let name)? = current else {
      throw error("expected a name, found \(Self.shown(current))")
    }
    advance()
    return name
  }

  /// A token in words.
  static func shown(_ token: JinjaToken?) -> String {
    switch token {
    case nil: "the end of the template"
    case .data: "text"
    case .variableBegin: "{{"
    case .variableEnd: "}}"
    case .blockBegin: "{%"
    case .blockEnd: "%}"
    case .name(let name): "“\(name.prefix(40))”"
    case .text: "a string"
    case .int, .double: "a number"
    case .mark(let mark): "“\(mark)”"
    }
  }

  /// What `read` gives, one deeper than before.
  mutating func nested<T>(_ read: (inout JinjaParser) throws(JinjaError) -> T) throws(JinjaError) -> T {
    guard nesting < Self.nestingLimit else { throw error("more than \(Self.nestingLimit) levels are nested") }
    nesting += 1
    defer { nesting -= 1 }
    return try read(&self)
  }

  // MARK: Statements

  /// Statements up to one of the tags `ends`, which is next then, behind its `{%`; up to the end of the template if none is given.
  private mutating func body(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
    try nested { parser throws(JinjaError) in
      var statements: [JinjaStatement] = []
      while let token = parser.current {
        parser.advance()
        switch token {
        case .data(let bytes): statements.append(.data(bytes))
        case .variableBegin:
          statements.append(.output(try parser.tuple()))
          try parser.expect(.variableEnd)
        case .blockBegin:
          if case .name(let name)? = parser.current, ends.contains(name) { return statements }
          statements.append(try parser.statement())
        default: throw parser.error("expected text or a tag, found \(Self.shown(token))")
        }
      }
      guard ends.isEmpty else {
        throw parser.error("expected {% \(ends.last ?? "") %}, found the end of the template")
      }
      return statements
    }
  }

  /// A body and the tag that ends it.
  private mutating func body(closedBy end: String) throws(JinjaError) -> [JinjaStatement] {
    try expect(.blockEnd)
    let result = try body(until: [end])
    advance()
    try expect(.blockEnd)
    return result
  }

  private mutating func statement() throws(JinjaError) -> JinjaStatement {
    let keyword = try expectName()
    switch keyword {
    case "if": return try condition()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro":
      let name = try expectName()
      return .macro(try macro(name, closedBy: "endmacro"))
    case "call":
      let caller = current == .mark("(") ? try parameters() : []
      let call = try expression()
      guard case .call = call.kind else { throw error("“call” is followed by no call") }
      return .called(call, caller: try macro("caller", caller, closedBy: "endcall"))
    case "with": return try with()
    case "filter":
      let filters = try filterNames()
      return .filtered(filters, body: try body(closedBy: "endfilter"))
    // Marks what the model says; it is written like anything else.
    case "generation": return .scope([], body: try body(closedBy: "endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw error("“\(keyword)” stands in no loop") }
      try expect(.blockEnd)
      return keyword == "break" ? .leave : .next
    default: throw error("the tag “\(keyword.prefix(40))” is not among those that are read here")
    }
  }

  private mutating func condition() throws(JinjaError) -> JinjaStatement {
    var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
    var keyword = "if"
    while keyword == "if" || keyword == "elif" {
      let test = try tuple(withChoice: false)
      try expect(.blockEnd)
      branches.append((test, try body(until: ["elif", "else", "endif"])))
      keyword = try expectName()
    }
    var otherwise: [JinjaStatement] = []
    if keyword == "else" {
      try expect(.blockEnd)
      otherwise = try body(until: ["endif"])
      advance()
    }
    try expect(.blockEnd)
    return .condition(branches, otherwise: otherwise)
  }

  private mutating func loop() throws(JinjaError) -> JinjaStatement {
    let target = try target()
    guard skipName("in") else { throw error("expected “in”, found \(Self.shown(current))") }
    let items = try tuple(withChoice: false)
    let filter = skipName("if") ? try expression() : nil
    if current == .name("recursive") { throw error("recursive loops are not done here") }
    try expect(.blockEnd)
    loops += 1
    let body = try body(until: ["else", "endfor"])
    loops -= 1
    var otherwise: [JinjaStatement] = []
    if try expectName() == "else" {
      try expect(.blockEnd)
      otherwise = try self.body(until: ["endfor"])
      advance()
    }
    try expect(.blockEnd)
    return .loop(target: target, items: items, filter: filter, body: body, otherwise: otherwise)
  }

  private mutating func assignment() throws(JinjaError) -> JinjaStatement {
    let target = try target()
    if skip("=") {
      let value = try tuple()
      try expect(.blockEnd)
      return .set(target, value)
    }
    let filters = skip("|") ? try filterNames() : []
    return .capture(target, filters: filters, body: try body(closedBy: "endset"))
  }

  private mutating func macro(_ name: String, closedBy end: String) throws(JinjaError) -> JinjaMacro {
    try macro(name, try parameters(), closedBy: end)
  }

  private mutating func macro(
    _ name: String, _ parameters: [(name: String, standard: JinjaExpression?)], closedBy end: String
  ) throws(JinjaError) -> JinjaMacro {
    // A loop around a macro is none that it could leave.
    let outer = loops
    loops = 0
    defer { loops = outer }
    let start = place
    let body = try body(closedBy: end)
    let usesCaller = tokens[start..<place].contains { $0.token == .name("caller") }
    return JinjaMacro(name: name, parameters: parameters, body: body, usesCaller: usesCaller)
  }

  private mutating func parameters() throws(JinjaError) -> [(name: String, standard: JinjaExpression?)] {
    try expect(.mark("("))
    var parameters: [(name: String, standard: JinjaExpression?)] = []
    while !skip(")") {
      if !parameters.isEmpty { try expect(.mark(",")) }
      let parameter = (name: try expectName(), standard: skip("=") ? try expression() : nil)
      guard parameter.standard != nil || parameters.last?.standard == nil else {
        throw error(
          "the parameter “\(parameter.name.prefix(40))” has no default, and stands behind one that has")
      }
      parameters.append(parameter)
    }
    return parameters
  }

  private mutating func with() throws(JinjaError) -> JinjaStatement {
    var values: [(target: JinjaTarget, value: JinjaExpression)] = []
    while current != .blockEnd {
      if !values.isEmpty { try expect(.mark(",")) }
      let target = try target()
      try expect(.mark("="))
      values.append((target, try expression()))
    }
    return .scope(values, body: try body(closedBy: "endwith"))
  }

  /// Filters with `|` between them.
  private mutating func filterNames() throws(JinjaError) -> [JinjaExpression.Named] {
    var filters = [try named()]
    while skip("|") { filters.append(try named()) }
    return filters
  }

  /// A name, an attribute, or several of them with commas between.
  private mutating func target() throws(JinjaError) -> JinjaTarget {
    var targets: [JinjaTarget] = []
    var isTuple = false
    repeat {
      if !targets.isEmpty {
        isTuple = true
        guard case .name(let name)? = current, name != "in" else {
          if current == .mark("(") { throw error("targets within targets are not done here") }
          break
        }
      }
      if skip("(") {
        guard targets.isEmpty else { throw error("targets within targets are not done here") }
        let inner = try target()
        try expect(.mark(")"))
        return inner
      }
      let name = try expectName()
      targets.append(skip(".") ? .attribute(of: name, try expectName()) : .name(name))
    } while skip(",")
    return isTuple ? .tuple(targets) : targets[0]
  }
}
