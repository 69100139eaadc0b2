import Kernels
import Storage

/// Runs the part of Python's pickle language (protocols 2 to 5) that torch writes, and builds plain values,
/// storages and tensors: nothing of what a pickle names is ever looked up or called.
///
/// | operations | effect |
/// |---|---|
/// | `PROTO` `FRAME` `STOP` | begin, packet of later protocols, end |
/// | `NONE` `NEWTRUE` `NEWFALSE` `BININT` `BININT1` `BININT2` `LONG1` `BINFLOAT` | push a value |
/// | `BINUNICODE` `SHORT_BINUNICODE` `BINSTRING` `SHORT_BINSTRING` | push a string |
/// | `MARK` `TUPLE`… `EMPTY_TUPLE` `EMPTY_LIST` `EMPTY_DICT` `APPEND` `APPENDS` `SETITEM` `SETITEMS` | build containers |
/// | `BINPUT` `LONG_BINPUT` `MEMOIZE` `BINGET` `LONG_BINGET` | remember and recall |
/// | `GLOBAL` `STACK_GLOBAL` | push one of `TorchGlobal` |
/// | `REDUCE` | call one of `TorchGlobal`, as `Unpickler+Calls.swift` does |
/// | `BUILD` | set attributes of a dictionary, which are dropped |
/// | `BINPERSID` | push a storage |
///
/// Any other operation, and any other global, is refused with its name and place. Every operation takes a byte or
/// more and makes at most one value of a few dozen bytes, so memory is in proportion to the pickle; the number of
/// operations is limited as well.
struct Unpickler {
  /// The tuples and lists that were made.
  private(set) var sequences: [[PickleValue]] = []
  /// The dictionaries, in the order of insertion; a key may occur twice.
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  /// Which of the dictionaries have a tensor among their values.
  private(set) var dictionariesOfTensors: Set<Int> = []
  /// The storages, one for every mention.
  private(set) var storages: [PickledStorage] = []
  /// The tensors.
  private(set) var tensors: [PickledTensor] = []

  private var reader: ByteReader
  private var stack: [PickleValue] = []
  /// Heights of the stack at the open marks.
  private var marks: [Int] = []
  /// What was remembered, which Python 3 numbers from 0 and Python 2 from 1.
  private var memo: [PickleValue] = []
  /// Where the operation being run begins.
  private(set) var place = 0

  /// Longest pickle that is read: several times what 100,000 tensors need.
  static let byteLimit = 32 << 20
  /// Most operations that are run: 40 for each of 100,000 tensors.
  private static let operationLimit = 1 << 22

  /// Begins at `range` of `bytes`, a file's; offsets in errors count from the file's first byte.
  ///
  /// Throws when the range is outside the file.
  @unsafe
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, path: String) throws {
    let end = min(range.upperBound, range.lowerBound + Self.byteLimit)
    reader = unsafe ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]), path: path)
    _ = try reader.readRange(range.lowerBound, "the pickle")
  }

  /// The byte behind the last operation that was run.
  var offset: Int { reader.offset }

  /// The file, for messages.
  var path: String { reader.path }

  /// Runs one pickle to its end and returns what it made; the next call runs the one behind it.
  mutating func load() throws -> PickleValue {
    stack.removeAll()
    marks.removeAll()
    memo.removeAll()
    for _ in 0..<Self.operationLimit {
      place = reader.offset
      let code = try reader.read("an operation", as: UInt8.self)
      if code == UInt8(ascii: ".") { return try pop() }
      try run(code)
    }
    throw fail(
      "the pickle has more than \(Self.operationLimit) operations, as no dictionary of tensors needs",
      advice: Self.saveAgain)
  }

  private mutating func run(_ code: UInt8) throws {
    switch code {
    case 0x80: try checkProtocol()
    case 0x95: _ = try reader.readCount("a frame's length")
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.bool(true))
    case 0x89: stack.append(.bool(false))
    case UInt8(ascii: "J"): stack.append(.int(Int(try reader.read("an integer", as: Int32.self))))
    case UInt8(ascii: "K"): stack.append(.int(Int(try reader.read("an integer", as: UInt8.self))))
    case UInt8(ascii: "M"): stack.append(.int(Int(try reader.read("an integer", as: UInt16.self))))
    case 0x8A: stack.append(try long())
    case UInt8(ascii: "G"):
      let bits = try reader.read("a number", as: UInt64.self)
      stack.append(.float(Double(bitPattern: bits.byteSwapped)))
    case UInt8(ascii: "X"), UInt8(ascii: "T"):
      stack.append(.string(try string(Int(try reader.read("a length", as: UInt32.self)))))
    case 0x8C, UInt8(ascii: "U"):
      stack.append(.string(try string(Int(try reader.read("a length", as: UInt8.self)))))
    case UInt8(ascii: ")"): push(sequence: [], PickleValue.tuple)
    case 0x85: try push(sequence: popLast(1), PickleValue.tuple)
    case 0x86: try push(sequence: popLast(2), PickleValue.tuple)
    case 0x87: try push(sequence: popLast(3), PickleValue.tuple)
    case UInt8(ascii: "t"): try push(sequence: popMark(), PickleValue.tuple)
    case UInt8(ascii: "]"): push(sequence: [], PickleValue.list)
    case UInt8(ascii: "a"): try append(popLast(1))
    case UInt8(ascii: "e"): try append(popMark())
    case UInt8(ascii: "}"): stack.append(newDictionary())
    case UInt8(ascii: "s"): try insert(popLast(2))
    case UInt8(ascii: "u"): try insert(popMark())
    case UInt8(ascii: "q"): try remember(Int(try reader.read("a memo number", as: UInt8.self)))
    case UInt8(ascii: "r"): try remember(Int(try reader.read("a memo number", as: UInt32.self)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "h"): try recall(Int(try reader.read("a memo number", as: UInt8.self)))
    case UInt8(ascii: "j"): try recall(Int(try reader.read("a memo number", as: UInt32.self)))
    case UInt8(ascii: "c"): stack.append(try global(module: line(), name: line()))
    case 0x93:
      let names = try popLast(2)
      guard case .string(let module) = names[0], case .string(let name) = names[1] else {
        throw fail("expected the names of a module and a class, found \(names[0].kind) and \(names[1].kind)")
      }
      stack.append(try global(module: module, name: name))
    case UInt8(ascii: "R"):
      let operands = try popLast(2)
      stack.append(try call(operands[0], operands[1]))
    case UInt8(ascii: "b"): try build()
    case UInt8(ascii: "Q"): stack.append(try storage(try pop()))
    default:
      throw fail(
        "operation \(Self.describe(code)) of the pickle is not one of those that tensors need",
        advice: Self.saveAgain)
    }
  }

  // MARK: Stack

  private mutating func pop() throws -> PickleValue { try popLast(1)[0] }

  /// Removes the last `count` values, which must be above the last mark.
  private mutating func popLast(_ count: Int) throws -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else { throw fail("the stack of the pickle is empty") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  /// Removes everything above the last mark, and the mark.
  private mutating func popMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else { throw fail("the pickle has no mark here") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  /// The last value, which stays.
  private func top() throws -> PickleValue {
    guard let last = stack.last, stack.count > marks.last ?? 0 else {
      throw fail("the stack of the pickle is empty")
    }
    return last
  }

  private mutating func remember(_ number: Int) throws {
    let value = try top()
    if memo.isEmpty, number == 1 { memo.append(.none) }
    guard number <= memo.count else {
      throw fail("value \(number) is remembered, but \(memo.count) is the next number")
    }
    if number == memo.count { memo.append(value) } else { memo[number] = value }
  }

  private mutating func recall(_ number: Int) throws {
    guard number < memo.count else { throw fail("value \(number) was not remembered") }
    stack.append(memo[number])
  }

  // MARK: Containers

  private mutating func push(sequence: [PickleValue], _ make: (Int) -> PickleValue) {
    stack.append(make(sequences.count))
    sequences.append(sequence)
  }

  /// A new empty dictionary.
  mutating func newDictionary() -> PickleValue {
    dictionaries.append([])
    return .dictionary(dictionaries.count - 1)
  }

  /// Makes `tensor` a value.
  mutating func add(_ tensor: PickledTensor) -> PickleValue {
    tensors.append(tensor)
    return .tensor(tensors.count - 1)
  }

  /// Makes `storage` a value.
  mutating func add(_ storage: PickledStorage) -> PickleValue {
    storages.append(storage)
    return .storage(storages.count - 1)
  }

  private mutating func append(_ values: [PickleValue]) throws {
    guard case .list(let list) = try top() else { throw fail("expected a list, found \(try top().kind)") }
    sequences[list] += values
  }

  private mutating func insert(_ values: [PickleValue]) throws {
    guard case .dictionary(let dictionary) = try top() else {
      throw fail("expected a dictionary, found \(try top().kind)")
    }
    guard values.count.isMultiple(of: 2) else { throw fail("a key of a dictionary has no value") }
    for index in stride(from: 0, to: values.count, by: 2) {
      dictionaries[dictionary].append((values[index], values[index + 1]))
      if case .tensor = values[index + 1] { dictionariesOfTensors.insert(dictionary) }
    }
  }

  /// The attributes that torch sets, versions of modules, say nothing about tensors.
  private mutating func build() throws {
    _ = try pop()
    guard case .dictionary = try top() else {
      throw fail("attributes are set of \(try top().kind)", advice: Self.saveAgain)
    }
  }

  // MARK: Values

  private mutating func checkProtocol() throws {
    let version = try reader.read("the protocol", as: UInt8.self)
    guard (2...5).contains(version) else {
      throw fail("the pickle's protocol is \(version), but 2 to 5 can be read", advice: Self.saveAgain)
    }
  }

  private mutating func long() throws -> PickleValue {
    let count = Int(try reader.read("an integer's length", as: UInt8.self))
    let bytes = try reader.readBytes(count, "an integer")
    guard count <= 8 else { return .longInt(bytes) }
    var value = bytes.last.map { $0 >= 128 ? -1 : 0 } ?? 0
    for byte in bytes.reversed() { value = value << 8 | Int(byte) }
    return .int(value)
  }

  private mutating func string(_ count: Int) throws -> String {
    try text(try reader.readBytes(count, "a string"))
  }

  /// The bytes up to the end of the line.
  private mutating func line() throws -> String {
    var bytes: [UInt8] = []
    while true {
      let byte = try reader.read("a name", as: UInt8.self)
      if byte == UInt8(ascii: "\n") { return try text(bytes) }
      guard bytes.count < 1000 else { throw fail("a name has more than 1000 bytes") }
      bytes.append(byte)
    }
  }

  private func text(_ bytes: [UInt8]) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw fail("a string is not UTF-8") }
    return text
  }

  private func global(module: String, name: String) throws -> PickleValue {
    guard let global = TorchGlobal(module: module, name: name) else {
      throw fail(
        "the pickle refers to \(module).\(name), which is not one of the classes and functions that tensors "
          + "need; nothing of it was run", advice: Self.saveAgain)
    }
    return .global(global)
  }

  // MARK: Errors

  /// What to do about a checkpoint that is more than tensors.
  static let saveAgain =
    "only the tensors of a state dict are read: if you trust the file, load it in Python and save them as "
    + "safetensors"

  /// An error at the operation being run.
  func fail(_ reason: String, advice: String = CheckpointError.fetchAgain) -> CheckpointError {
    CheckpointError(path: reader.path, offset: place, reason: reason, advice: advice)
  }

  private static func describe(_ code: UInt8) -> String {
    let name = refusedNames[code].map { "\($0) " } ?? ""
    return name + "0x" + String(code, radix: 16)
  }

  /// Operations that pickles of other things than tensors have.
  private static let refusedNames: [UInt8: String] = [
    UInt8(ascii: "i"): "INST", UInt8(ascii: "o"): "OBJ", 0x81: "NEWOBJ", 0x92: "NEWOBJ_EX", 0x82: "EXT1",
    0x83: "EXT2", 0x84: "EXT4", UInt8(ascii: "P"): "PERSID", UInt8(ascii: "2"): "DUP",
    UInt8(ascii: "1"): "POP_MARK", UInt8(ascii: "C"): "SHORT_BINBYTES", UInt8(ascii: "B"): "BINBYTES",
    UInt8(ascii: "I"): "INT", UInt8(ascii: "L"): "LONG", UInt8(ascii: "S"): "STRING",
    UInt8(ascii: "V"): "UNICODE", UInt8(ascii: "F"): "FLOAT", UInt8(ascii: "p"): "PUT",
    UInt8(ascii: "g"): "GET", UInt8(ascii: "d"): "DICT", UInt8(ascii: "l"): "LIST", 0x8B: "LONG4",
    0x8D: "BINUNICODE8", 0x8E: "BINBYTES8", 0x8F: "EMPTY_SET", 0x90: "ADDITEMS", 0x91: "FROZENSET",
    0x96: "BYTEARRAY8",
  ]
}
