/// A part of a template that does something.
indirect enum JinjaStatement: Sendable {
  /// Text, written as it is.
  case data([UInt8])
  /// `{{ … }}`
  case output(JinjaExpression)
  /// `if`, `elif` and `else`.
  case condition([(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
  /// `for target in items if filter`, and what is done where there are no items.
  case loop(
    target: JinjaTarget, items: JinjaExpression, filter: JinjaExpression?, body: [JinjaStatement],
    otherwise: [JinjaStatement])
  /// `set target = value`
  case set(JinjaTarget, JinjaExpression)
  /// `set target`, with the text of a body for its value.
  case capture(JinjaTarget, filters: [JinjaExpression.Named], body: [JinjaStatement])
  /// `macro`
  case macro(JinjaMacro)
  /// `call`: what a macro writes that is given another, its `caller`.
  case called(JinjaExpression, caller: JinjaMacro)
  /// `with`, and other bodies with names of their own.
  case scope([(target: JinjaTarget, value: JinjaExpression)], body: [JinjaStatement])
  /// `filter`: the text of a body, filtered.
  case filtered([JinjaExpression.Named], body: [JinjaStatement])
  /// `break`
  case leave
  /// `continue`
  case next
}

/// What is assigned to.
indirect enum JinjaTarget: Sendable {
  /// A name.
  case name(String)
  /// An attribute of a namespace.
  case attribute(of: String, String)
  /// As many as a list has elements.
  case tuple([JinjaTarget])
}

/// A function that a template defines.
struct JinjaMacro: Sendable {
  /// Its name.
  var name: String
  /// Names of what it takes, and what they are where a call says nothing.
  var parameters: [(name: String, standard: JinjaExpression?)]
  /// What it writes.
  var body: [JinjaStatement]
  /// Whether it speaks of its `caller`, and so may be called by `call`.
  var usesCaller: Bool
}

/// What has a value.
struct JinjaExpression: Sendable {
  /// Its outermost operation.
  let kind: Kind
  /// Operations within each other, at most.
  let depth: Int
  /// Line of the template.
  let line: Int

  /// Operations.
  indirect enum Kind: Sendable {
    case constant(JinjaValue)
    case name(String)
    case attribute(JinjaExpression, String)
    case subscript_(JinjaExpression, JinjaExpression)
    case slice(JinjaExpression, from: JinjaExpression?, to: JinjaExpression?, by: JinjaExpression?)
    case list([JinjaExpression])
    case tuple([JinjaExpression])
    case dictionary([(key: JinjaExpression, value: JinjaExpression)])
    case negated(JinjaExpression)
    case signed(JinjaExpression, isNegative: Bool)
    case arithmetic(String, JinjaExpression, JinjaExpression)
    case concatenation([JinjaExpression])
    case comparison(JinjaExpression, [(operation: String, operand: JinjaExpression)])
    case both(JinjaExpression, JinjaExpression)
    case either(JinjaExpression, JinjaExpression)
    case choice(JinjaExpression, then: JinjaExpression, otherwise: JinjaExpression?)
    case call(JinjaExpression, Arguments)
    case filter(JinjaExpression, Named)
    case test(JinjaExpression, Named)
  }

  /// What a call is given.
  struct Arguments: Sendable {
    /// In order.
    var positional: [JinjaExpression] = []
    /// By name.
    var named: [(name: String, value: JinjaExpression)] = []
    /// A list of more of those in order.
    var unpacked: JinjaExpression?

    /// All.
    var all: [JinjaExpression] { positional + named.map(\.value) + [unpacked].compactMap(\.self) }
  }

  /// A filter or test with its arguments.
  struct Named: Sendable {
    /// Its name.
    var name: String
    /// What it is given besides the value.
    var arguments: Arguments
  }
}
