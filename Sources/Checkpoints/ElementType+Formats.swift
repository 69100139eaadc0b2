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
    switch number {
    case 0: self = .f32
    case 1: self = .f16
    case 2: self = .q4_0
    case 3: self = .q4_1
    case 6: self = .q5_0
    case 7: self = .q5_1
    case 8: self = .q8_0
    case 10: self = .q2_k
    case 11: self = .q3_k
    case 12: self = .q4_k
    case 13: self = .q5_k
    case 14: self = .q6_k
    case 15: self = .q8_k
    case 20: self = .iq4_nl
    case 23: self = .iq4_xs
    case 24: self = .i8
    case 25: self = .i16
    case 26: self = .i32
    case 27: self = .i64
    case 28: self = .f64
    case 30: self = .bf16
    default: return nil
    }
  }

  /// ggml's types that cannot be read, by number, for the message that says so.
  static let unreadableGGMLNames: [UInt32: String] = [
    9: "Q8_1", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 29: "IQ1_M",
    34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
  ]
}
