import Kernels

/// The calls and references that make storages and tensors.
extension Unpickler {
  /// What `callee` makes of `arguments`, a tuple.
  mutating func call(_ callee: PickleValue, _ arguments: PickleValue) throws -> PickleValue {
    guard case .global(let global) = callee, case .tuple(let index) = arguments else {
      throw fail(
        "expected a function and a tuple to call it with, found \(callee.kind) and \(arguments.kind)")
    }
    let arguments = sequences[index]
    switch global {
    case .orderedDictionary where arguments.isEmpty: return newDictionary()
    case .size where arguments.count == 1: return arguments[0]
    case .rebuildTensor where arguments.count == 4: return try tensor(arguments, type: nil)
    case .rebuildTensorV2 where arguments.count == 6 || arguments.count == 7:
      try checkMetadata(arguments.dropFirst(6).first)
      return try tensor(arguments, type: nil)
    case .rebuildTensorV3 where arguments.count == 7 || arguments.count == 8:
      guard case .global(.elementType(let type)) = arguments[6] else {
        throw fail("expected a tensor's type, found \(arguments[6].kind)", advice: Self.saveAgain)
      }
      try checkMetadata(arguments.dropFirst(7).first)
      return try tensor(arguments, type: type)
    case .rebuildParameter where arguments.count == 3:
      guard case .tensor = arguments[0] else {
        throw fail("expected a parameter's tensor, found \(arguments[0].kind)")
      }
      return arguments[0]
    default:
      throw fail(
        "\(callee.kind) is called with \(arguments.count) arguments, as tensors never need it",
        advice: Self.saveAgain)
    }
  }

  /// A view of a storage: storage, first element, shape and strides are the first four of `arguments`.
  private mutating func tensor(_ arguments: [PickleValue], type: ElementType?) throws -> PickleValue {
    guard case .storage(let storage) = arguments[0] else {
      throw fail("expected a tensor's storage, found \(arguments[0].kind)")
    }
    guard case .int(let start) = arguments[1], let shape = try dimensions(arguments[2]),
      let strides = try dimensions(arguments[3]), shape.count == strides.count, start >= 0
    else { throw fail("expected a tensor's first element, shape and strides") }
    return add(
      PickledTensor(
        storage: storage, start: start, shape: shape, strides: strides, type: type ?? storages[storage].type,
        offset: place))
  }

  /// Flags of conjugated or negated views, which would change the values.
  private func checkMetadata(_ value: PickleValue?) throws {
    switch value {
    case nil, .some(.none): return
    case .dictionary(let index) where dictionaries[index].isEmpty: return
    default: throw fail("a tensor has metadata that may change its values", advice: Self.saveAgain)
    }
  }

  /// The storage that a persistent identifier means: `("storage", class, key, device, count)`, and in legacy
  /// files a part of it or None.
  mutating func storage(_ identifier: PickleValue) throws -> PickleValue {
    guard case .tuple(let index) = identifier, sequences[index].count >= 5,
      case .string("storage") = sequences[index][0]
    else {
      throw fail("expected the identifier of a storage, found another", advice: Self.saveAgain)
    }
    let parts = sequences[index]
    let type: ElementType
    switch parts[1] {
    case .global(.storageClass(let element)): type = element
    case .global(.untypedStorageClass): type = .u8
    default: throw fail("expected a storage's class, found \(parts[1].kind)")
    }
    guard case .string(let key) = parts[2], case .int(let count) = parts[4], count >= 0 else {
      throw fail("expected a storage's key and number of elements")
    }
    var part: (start: Int, count: Int)?
    if parts.count == 6, case .tuple(let view) = parts[5] {
      guard sequences[view].count == 3, case .int(let start) = sequences[view][1],
        case .int(let length) = sequences[view][2], start >= 0, length >= 0, length <= count,
        start <= count - length
      else { throw fail("expected a part of the \(count) elements of storage \"\(key)\"") }
      part = (start, length)
    }
    return add(PickledStorage(key: key, type: type, count: count, part: part))
  }

  /// The integers of a tuple that is a shape or strides; `nil` when there is something else in it.
  private func dimensions(_ value: PickleValue) throws -> [Int]? {
    guard case .tuple(let index) = value else { return nil }
    // One long tuple can be recalled by every tensor: without a limit, copying it would take for ever.
    guard sequences[index].count <= Self.dimensionLimit else {
      throw fail(
        "a tensor has \(sequences[index].count) dimensions, but at most \(Self.dimensionLimit) can be read")
    }
    var result: [Int] = []
    for element in sequences[index] {
      guard case .int(let integer) = element else { return nil }
      result.append(integer)
    }
    return result
  }

  /// Most dimensions of a tensor; weights have up to five.
  private static let dimensionLimit = 8
}
