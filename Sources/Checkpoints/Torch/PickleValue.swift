import Kernels

/// What an operation of a pickle leaves on the stack.
///
/// Containers are numbers of objects in the unpickler, so that values are small, objects are shared as in Python,
/// and nothing nests: no input can make memory grow beyond its own length or the call stack grow at all.
enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer of more than 64 bits: its bytes, least significant first.
  case longInt([UInt8])
  case float(Double)
  case string(String)
  case global(TorchGlobal)
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case storage(Int)
  case tensor(Int)

  /// What it is, for messages: "a list".
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a boolean"
    case .int, .longInt: "an integer"
    case .float: "a number"
    case .string: "a string"
    case .global(let global): "the class or function \(global)"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// The classes and functions that a checkpoint may name; every other is refused.
enum TorchGlobal: Sendable, Equatable {
  /// `torch._utils._rebuild_tensor`, of versions before 0.4.
  case rebuildTensor
  /// `torch._utils._rebuild_tensor_v2`: its element type is the storage's.
  case rebuildTensorV2
  /// `torch._utils._rebuild_tensor_v3`: names its element type.
  case rebuildTensorV3
  /// `torch._utils._rebuild_parameter`.
  case rebuildParameter
  /// `collections.OrderedDict`.
  case orderedDictionary
  /// `torch.Size`.
  case size
  /// `torch.FloatStorage` and its kin.
  case storageClass(ElementType)
  /// `torch.storage.UntypedStorage`: bytes.
  case untypedStorageClass
  /// `torch.uint16` and its kin.
  case elementType(ElementType)

  /// The global `name` of `module`, when it is allowed.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorV3
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch", "Size"): self = .size
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .untypedStorageClass
    case ("torch", let name):
      if let type = Self.storageTypes[name] {
        self = .storageClass(type)
      } else if let type = Self.elementTypes[name] {
        self = .elementType(type)
      } else {
        return nil
      }
    default: return nil
    }
  }

  private static let storageTypes: [String: ElementType] = [
    "DoubleStorage": .f64, "FloatStorage": .f32, "HalfStorage": .f16, "BFloat16Storage": .bf16,
    "LongStorage": .i64, "IntStorage": .i32, "ShortStorage": .i16, "CharStorage": .i8, "ByteStorage": .u8,
    "BoolStorage": .bool,
  ]

  private static let elementTypes: [String: ElementType] = [
    "float64": .f64, "float32": .f32, "float16": .f16, "bfloat16": .bf16, "int64": .i64, "int32": .i32,
    "int16": .i16, "int8": .i8, "uint64": .u64, "uint32": .u32, "uint16": .u16, "uint8": .u8, "bool": .bool,
    "float8_e4m3fn": .f8e4m3, "float8_e5m2": .f8e5m2,
  ]
}

/// A storage that a pickle refers to: elements in a row, in a part of the file of their own.
struct PickledStorage: Sendable {
  /// What the file calls it.
  let key: String
  /// The type of its elements; bytes for an untyped one.
  let type: ElementType
  /// Its elements, all of them where this is a part.
  let count: Int
  /// The elements that this part of the storage begins after, and has; legacy files only.
  let part: (start: Int, count: Int)?
}

/// A tensor as a pickle describes it: a view of a storage.
struct PickledTensor: Sendable {
  /// Number of its storage in the unpickler.
  let storage: Int
  /// Elements of the storage before its first.
  let start: Int
  /// Dimensions, outermost first.
  let shape: [Int]
  /// Elements from one index of each dimension to the next.
  let strides: [Int]
  /// How its elements are stored.
  let type: ElementType
  /// Where in the file it was described.
  let offset: Int
}
