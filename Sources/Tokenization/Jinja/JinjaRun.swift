/// One run of a template: its names, and what it has written.
///
/// Source: `jinja2/compiler.py` and `runtime.py` of Jinja 3.1, with transformers' settings: what is undefined is written as
/// nothing and has no attributes, and what is given cannot be changed.
struct JinjaRun {
  /// Statements, expressions and calls within each other, at most.
  private static let depthLimit = 500

  /// Names and their values; a body sees those of the bodies around it.
  final class Scope {
    /// The names of this body.
    var values: [String: JinjaValue]
    private let outer: Scope?

    /// A body's within another.
    init(_ values: [String: JinjaValue] = [:], within outer: Scope? = nil) {
      self.values = values
      self.outer = outer
    }

    /// What a name stands for, here or outside.
    subscript(name: String) -> JinjaValue? {
      var scope: Scope? = self
      while let next = scope {
        if let value = next.values[name] { return value }
        scope = next.outer
      }
      return nil
    }
  }

  /// What goes on behind a statement.
  private enum Flow { case next, leaveLoop, nextItem }

  private var scope: Scope
  private var written: [UInt8] = []
  private var depth = 0
  private var work: Int
  /// Values with what changes, by their numbers.
  var namespaces: [[String: JinjaValue]] = []
  var loops: [JinjaLoop] = []
  /// What is left of each.
  var iterators: [ArraySlice<JinjaValue>] = []
  private var macros: [(macro: JinjaMacro, scope: Scope)] = []

  /// A run that may take `work` steps.
  init(_ values: [String: JinjaValue], work: Int) {
    scope = Scope(values)
    self.work = work
  }

  /// Counts steps.
  mutating func spend(_ steps: Int) throws(JinjaError) {
    work -= steps
    guard work >= 0 else { throw JinjaError("it takes more steps than a chat template needs") }
  }

  /// A text, and the steps it cost.
  mutating func text(_ bytes: [UInt8]) throws(JinjaError) -> JinjaValue {
    try spend(1 + bytes.count / 8)
    return .text(bytes)
  }

  /// A list, and the steps it cost.
  mutating func list(
    _ elements: [JinjaValue], _ kind: JinjaList.Kind = .list
  ) throws(JinjaError) -> JinjaValue {
    try spend(1 + elements.count)
    return try .list(elements, kind)
  }

  /// What goes through elements once, and the steps it cost.
  mutating func iterator(_ elements: [JinjaValue]) throws(JinjaError) -> JinjaValue {
    try spend(1 + elements.count)
    iterators.append(elements[...])
    return .iterator(iterators.count - 1)
  }

  /// What `run` gives, one deeper than before.
  private mutating func deeper<T>(_ run: (inout JinjaRun) throws(JinjaError) -> T) throws(JinjaError) -> T {
    guard depth < Self.depthLimit else { throw JinjaError("its calls go too deep") }
    depth += 1
    defer { depth -= 1 }
    return try run(&self)
  }

  // MARK: Statements

  /// All that a template writes.
  mutating func text(_ statements: [JinjaStatement]) throws(JinjaError) -> String {
    _ = try run(statements)
    return String(decoding: written, as: UTF8.self)
  }

  private mutating func run(_ statements: [JinjaStatement]) throws(JinjaError) -> Flow {
    try deeper { run throws(JinjaError) in
      for statement in statements {
        try run.spend(1)
        let flow = try run.run(statement)
        if flow != .next { return flow }
      }
      return .next
    }
  }

  /// What `body` writes, in a scope of its own.
  private mutating func captured(_ body: [JinjaStatement]) throws(JinjaError) -> [UInt8] {
    let before = written
    written = []
    defer { written = before }
    let flow = try within(Scope(within: scope)) { run throws(JinjaError) in try run.run(body) }
    guard flow == .next else { throw JinjaError("a loop is left out of a text that is assigned or filtered") }
    return written
  }

  private mutating func within<T>(
    _ inner: Scope, _ body: (inout JinjaRun) throws(JinjaError) -> T
  ) throws(JinjaError) -> T {
    let outer = scope
    scope = inner
    defer { scope = outer }
    return try body(&self)
  }

  private mutating func run(_ statement: JinjaStatement) throws(JinjaError) -> Flow {
    switch statement {
    case .data(let bytes): try write(.text(bytes))
    case .output(let expression): try write(try value(expression))
    case .condition(let branches, let otherwise):
      for branch in branches where try value(branch.test).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let target, let items, let filter, let body, let otherwise):
      return try runLoop(target, items, filter, body, otherwise)
    case .set(let target, let expression): try assign(target, try value(expression))
    case .capture(let target, let filters, let body):
      try assign(target, try filtered(try captured(body), filters))
    case .macro(let macro): scope.values[macro.name] = defined(macro)
    case .called(let call, let caller):
      guard case .call(let callee, let written) = call.kind else { return .next }
      let macro = try value(callee)
      var given = try arguments(written)
      given.named.append(("caller", defined(caller)))
      try write(try self.call(macro, given))
    case .scope(let values, let body):
      // What is assigned sees the names outside alone.
      let inner = Scope(within: scope)
      for (target, expression) in values {
        let value = try value(expression)
        try within(inner) { run throws(JinjaError) in try run.assign(target, value) }
      }
      return try within(inner) { run throws(JinjaError) in try run.run(body) }
    case .filtered(let filters, let body): try write(try filtered(try captured(body), filters))
    case .leave: return .leaveLoop
    case .next: return .nextItem
    }
    return .next
  }

  private mutating func defined(_ macro: JinjaMacro) -> JinjaValue {
    macros.append((macro, scope))
    return .macro(macros.count - 1)
  }

  private mutating func write(_ value: JinjaValue) throws(JinjaError) {
    try spend(value.extent.size / 8)
    try value.print(to: &written)
  }

  private mutating func filtered(
    _ text: [UInt8], _ filters: [JinjaExpression.Named]
  ) throws(JinjaError) -> JinjaValue {
    var value = try self.text(text)
    for filter in filters { value = try filtered(value, filter.name, try arguments(filter.arguments)) }
    return value
  }

  private mutating func runLoop(
    _ target: JinjaTarget, _ items: JinjaExpression, _ filter: JinjaExpression?, _ body: [JinjaStatement],
    _ otherwise: [JinjaStatement]
  ) throws(JinjaError) -> Flow {
    var elements = try elements(of: try value(items))
    if let filter {
      var kept: [JinjaValue] = []
      for element in elements {
        let holds = try within(Scope(within: scope)) { run throws(JinjaError) in
          try run.assign(target, element)
          return try run.value(filter).isTrue
        }
        if holds { kept.append(element) }
      }
      elements = kept
    }
    // So has Jinja it: what stands behind `else` is run unless an item was gone through to the end.
    var isFinished = false
    let number = loops.count
    loops.append(JinjaLoop(elements: elements))
    for (index, element) in elements.enumerated() {
      loops[number].index = index
      let flow = try within(Scope(["loop": .loop(number)], within: scope)) { run throws(JinjaError) in
        try run.assign(target, element)
        return try run.run(body)
      }
      if flow == .leaveLoop { break }
      if flow == .next { isFinished = true }
    }
    guard isFinished else {
      return try within(Scope(within: scope)) { run throws(JinjaError) in try run.run(otherwise) }
    }
    return .next
  }

  private mutating func assign(_ target: JinjaTarget, _ value: JinjaValue) throws(JinjaError) {
    try spend(1)
    switch target {
    case .name(let name): scope.values[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let number)? = scope[name] else {
        throw JinjaError("“\(name).\(attribute)” is assigned to, and “\(name)” is no namespace")
      }
      namespaces[number][attribute] = value
    case .tuple(let targets):
      let elements = try elements(of: value)
      guard elements.count == targets.count else {
        throw JinjaError("\(elements.count) values are assigned to \(targets.count) names")
      }
      for (target, element) in zip(targets, elements) { try assign(target, element) }
    }
  }

  // MARK: Expressions

  /// The value of an expression; an error gets its line.
  mutating func value(_ expression: JinjaExpression) throws(JinjaError) -> JinjaValue {
    try spend(1)
    do {
      return try deeper { run throws(JinjaError) in try run.value(of: expression.kind) }
    } catch var error {
      if error.line == 0 { error.line = expression.line }
      throw error
    }
  }

  private mutating func value(of kind: JinjaExpression.Kind) throws(JinjaError) -> JinjaValue {
    switch kind {
    case .constant(let value): return value
    case .name(let name):
      return scope[name] ?? (Self.functions.contains(name) ? .function(name) : .undefined(name))
    case .attribute(let base, let name): return try attribute(name, of: try value(base))
    case .subscript_(let base, let index):
      let base = try value(base)
      return try element(of: base, try value(index))
    case .slice(let base, let first, let last, let step):
      let base = try value(base)
      func bound(_ expression: JinjaExpression?, _ run: inout JinjaRun) throws(JinjaError) -> Int? {
        guard let expression else { return nil }
        let value = try run.value(expression)
        if case .none = value { return nil }
        guard let int = value.asInt else { throw JinjaError("\(value.kind) cannot bound a slice") }
        return int
      }
      return try slice(base, try bound(first, &self), try bound(last, &self), try bound(step, &self) ?? 1)
    case .list(let elements): return try list(try values(elements))
    case .tuple(let elements): return try list(try values(elements), .tuple)
    case .dictionary(let members):
      var result = JinjaDictionary()
      for (key, value) in members {
        let key = try self.value(key)
        try result.set(key, try self.value(value))
      }
      return .dictionary(result)
    case .negated(let operand): return .bool(!(try value(operand).isTrue))
    case .signed(let operand, let isNegative):
      return try Self.signed(try value(operand), isNegative: isNegative)
    case .arithmetic(let operation, let left, let right):
      let left = try value(left)
      return try arithmetic(operation, left, try value(right))
    case .concatenation(let parts):
      var result: [UInt8] = []
      for part in parts {
        let value = try value(part)
        try spend(value.extent.size / 8)
        result += try string(value)
      }
      return .text(result)
    case .comparison(let first, let rest):
      var left = try value(first)
      for (operation, operand) in rest {
        let right = try value(operand)
        guard try compare(left, operation, right) else { return .bool(false) }
        left = right
      }
      return .bool(true)
    case .both(let left, let right):
      let left = try value(left)
      return left.isTrue ? try value(right) : left
    case .either(let left, let right):
      let left = try value(left)
      return left.isTrue ? left : try value(right)
    case .choice(let test, let chosen, let otherwise):
      if try value(test).isTrue { return try value(chosen) }
      return try otherwise.map { expression throws(JinjaError) in try value(expression) }
        ?? .undefined("else")
    case .call(let function, let arguments):
      let function = try value(function)
      return try call(function, try self.arguments(arguments))
    case .filter(let operand, let filter):
      let operand = try value(operand)
      return try filtered(operand, filter.name, try arguments(filter.arguments))
    case .test(let operand, let test):
      let operand = try value(operand)
      return .bool(try holds(test.name, of: operand, try arguments(test.arguments)))
    }
  }

  private mutating func values(_ expressions: [JinjaExpression]) throws(JinjaError) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try value(expression)) }
    return values
  }

  private mutating func arguments(_ arguments: JinjaExpression.Arguments) throws(JinjaError) -> JinjaArguments
  {
    var result = JinjaArguments(positional: try values(arguments.positional))
    if let unpacked = arguments.unpacked { result.positional += try elements(of: try value(unpacked)) }
    for (name, expression) in arguments.named { result.named.append((name, try value(expression))) }
    return result
  }

  /// What a call gives.
  private mutating func call(_ function: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError)
    -> JinjaValue
  {
    switch function {
    case .function(let name): return try call(name, arguments)
    case .method(let value, let name): return try call(name, of: value, arguments)
    case .macro(let number): return try call(macros[number].macro, macros[number].scope, arguments)
    default: throw JinjaError("\(function.kind) is called, and is no function")
    }
  }

  private mutating func call(
    _ macro: JinjaMacro, _ scope: Scope, _ arguments: JinjaArguments
  ) throws(JinjaError) -> JinjaValue {
    guard arguments.positional.count <= macro.parameters.count else {
      throw JinjaError("“\(macro.name)” is given more than it takes")
    }
    let inner = Scope(within: scope)
    var named = arguments.named
    for (index, parameter) in macro.parameters.enumerated() {
      let place = named.firstIndex { $0.name == parameter.name }
      if index < arguments.positional.count {
        inner.values[parameter.name] = arguments.positional[index]
      } else if let place {
        inner.values[parameter.name] = named.remove(at: place).value
      } else if let standard = parameter.standard {
        inner.values[parameter.name] = try within(inner) { run throws(JinjaError) in try run.value(standard) }
      } else {
        inner.values[parameter.name] = .undefined(parameter.name)
      }
    }
    if macro.usesCaller, let place = named.firstIndex(where: { $0.name == "caller" }) {
      inner.values["caller"] = named.remove(at: place).value
    }
    if let unknown = named.first { throw JinjaError("“\(macro.name)” takes no “\(unknown.name)”") }
    return try text(try within(inner) { run throws(JinjaError) in try run.captured(macro.body) })
  }
}

/// What a call is given.
struct JinjaArguments {
  /// In order.
  var positional: [JinjaValue] = []
  /// By name.
  var named: [(name: String, value: JinjaValue)] = []

  /// The argument at `index`, or of this name.
  func value(_ index: Int, _ name: String) -> JinjaValue? {
    index < positional.count ? positional[index] : named.first { $0.name == name }?.value
  }
}

/// Where a loop is.
struct JinjaLoop {
  /// What it goes through.
  let elements: [JinjaValue]
  /// The element it is at.
  var index = 0

  /// What `loop.name` is; nil where there is none of this name.
  func attribute(_ name: String) -> JinjaValue? {
    switch name {
    case "index": .int(index + 1)
    case "index0": .int(index)
    case "revindex": .int(elements.count - index)
    case "revindex0": .int(elements.count - index - 1)
    case "first": .bool(index == 0)
    case "last": .bool(index == elements.count - 1)
    case "length": .int(elements.count)
    case "previtem": index > 0 ? elements[index - 1] : .undefined("previtem")
    case "nextitem": index + 1 < elements.count ? elements[index + 1] : .undefined("nextitem")
    case "depth": .int(1)
    case "depth0": .int(0)
    default: nil
    }
  }
}
