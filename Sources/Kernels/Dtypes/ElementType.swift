/// How a tensor's elements are stored: a plain number each, or blocks of quantised weights as in GGUF.
///
/// | type | elements a block | bytes a block | layout of a block (f16 scales `d`, `m`) |
/// |---|---|---|---|
/// | q4_0 | 32 | 18 | d, 16 bytes of two 4-bit values |
/// | q4_1 | 32 | 20 | d, m, 16 bytes of two 4-bit values |
/// | q5_0 | 32 | 22 | d, 32 fifth bits, 16 bytes of low nibbles |
/// | q5_1 | 32 | 24 | d, m, 32 fifth bits, 16 bytes of low nibbles |
/// | q8_0 | 32 | 34 | d, 32 signed bytes |
/// | iq4_nl | 32 | 18 | d, 16 bytes of two 4-bit indices of a table |
/// | q2_k | 256 | 84 | 16 bytes of a 4-bit scale and a 4-bit min, 64 bytes of pairs, d, dmin |
/// | q3_k | 256 | 110 | 32 bytes of third bits, 64 bytes of pairs, 12 bytes of sixteen 6-bit scales, d |
/// | q4_k | 256 | 144 | d, dmin, 12 bytes of eight 6-bit scales and mins, 128 bytes of nibbles |
/// | q5_k | 256 | 176 | as q4_k, with 32 bytes of fifth bits before the nibbles |
/// | q6_k | 256 | 210 | 128 bytes of low nibbles, 64 of high pairs, 16 signed scales, d |
/// | q8_k | 256 | 292 | d in f32, 256 signed bytes, sixteen 16-bit sums that reading does not need |
/// | iq4_xs | 256 | 136 | d, 16 bits and 4 bytes of eight 6-bit scales, 128 bytes of indices as in iq4_nl |
///
/// In the 32-element types the low nibbles are elements 0–15 and the high nibbles 16–31.
package enum ElementType: Sendable, Hashable, CaseIterable {
  case f64, f32, f16, bf16
  case i8, i16, i32, i64
  case u8, u16, u32, u64
  case bool
  case f8e4m3, f8e5m2
  case q4_0, q4_1, q5_0, q5_1, q8_0
  case q2_k, q3_k, q4_k, q5_k, q6_k, q8_k
  case iq4_nl, iq4_xs

  /// Elements stored together; rows of a quantised tensor are whole blocks.
  package var blockElements: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl: 32
    case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k, .q8_k, .iq4_xs: 256
    default: 1
    }
  }

  /// Bytes of one block.
  package var blockBytes: Int {
    switch self {
    case .i8, .u8, .bool, .f8e4m3, .f8e5m2: 1
    case .f16, .bf16, .i16, .u16: 2
    case .f32, .i32, .u32: 4
    case .f64, .i64, .u64: 8
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q8_0: 34
    case .q2_k: 84
    case .q3_k: 110
    case .q4_k: 144
    case .q5_k: 176
    case .q6_k: 210
    case .q8_k: 292
    case .iq4_nl: 18
    case .iq4_xs: 136
    }
  }

  /// True for GGUF's block types.
  package var isQuantized: Bool { blockElements > 1 }

  /// The name people know it by: safetensors' for plain types, GGUF's for blocks.
  package var name: String {
    switch self {
    case .f64: "F64"
    case .f32: "F32"
    case .f16: "F16"
    case .bf16: "BF16"
    case .i8: "I8"
    case .i16: "I16"
    case .i32: "I32"
    case .i64: "I64"
    case .u8: "U8"
    case .u16: "U16"
    case .u32: "U32"
    case .u64: "U64"
    case .bool: "BOOL"
    case .f8e4m3: "F8_E4M3"
    case .f8e5m2: "F8_E5M2"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q2_k: "Q2_K"
    case .q3_k: "Q3_K"
    case .q4_k: "Q4_K"
    case .q5_k: "Q5_K"
    case .q6_k: "Q6_K"
    case .q8_k: "Q8_K"
    case .iq4_nl: "IQ4_NL"
    case .iq4_xs: "IQ4_XS"
    }
  }

  /// Bytes that `elements` elements take; `nil` when they are not whole blocks or the product overflows.
  package func byteCount(elements: Int) -> Int? {
    guard elements >= 0, elements % blockElements == 0 else { return nil }
    let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }
}
