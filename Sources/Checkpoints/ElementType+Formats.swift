import Kernels

/// What the file formats call the types.
extension ElementType {
  /// The plain type that safetensors calls `name`.
  init?(safetensorsName name: String) {
    guard let type = Self.allCases.first(where: { !$0.isQuantized && $0.name == name }) else { return nil }
    self = type
  }

  /// The type that ggml numbers `number`, when it can be read.
  init?(ggmlNumber number: UInt32) {
    guard let type = Self.allCases.first(where: { $0.ggmlNumber == number }) else { return nil }
    self = type
  }

  /// ggml's number for the type; `nil` where it has none.
  package var ggmlNumber: UInt32? {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q5_0: 6
    case .q5_1: 7
    case .q8_0: 8
    case .q2_k: 10
    case .q3_k: 11
    case .q4_k: 12
    case .q5_k: 13
    case .q6_k: 14
    case .q8_k: 15
    case .iq4_nl: 20
    case .iq4_xs: 23
    case .i8: 24
    case .i16: 25
    case .i32: 26
    case .i64: 27
    case .f64: 28
    case .bf16: 30
    case .u8, .u16, .u32, .u64, .bool, .f8e4m3, .f8e5m2: nil
    }
  }

  /// ggml's types that cannot be read, by number, for the message that says so.
  static let unreadableGGMLNames: [UInt32: String] = [
    9: "Q8_1", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
  ]
}
