import Kernels
import Testing

@Suite struct DtypesElementTypeTests {
  /// Elements and bytes of a block as ggml's `GGML_QUANT_SIZES` has them.
  @Test(
    "Blocks have ggml's sizes",
    arguments: [
      (.q4_0, 32, 18), (.q4_1, 32, 20), (.q5_0, 32, 22), (.q5_1, 32, 24), (.q8_0, 32, 34), (.q4_k, 256, 144),
      (.q2_k, 256, 84), (.q3_k, 256, 110), (.q8_k, 256, 292), (.iq4_nl, 32, 18), (.iq4_xs, 256, 136),
      (.q5_k, 256, 176), (.q6_k, 256, 210), (.f32, 1, 4), (.bf16, 1, 2), (.i64, 1, 8), (.bool, 1, 1),
    ] as [(ElementType, Int, Int)])
  func sizes(type: ElementType, elements: Int, bytes: Int) {
    #expect(type.blockElements == elements && type.blockBytes == bytes)
    #expect(type.byteCount(elements: elements * 7) == bytes * 7)
    #expect(type.byteCount(elements: 0) == 0)
    #expect(type.isQuantized == (elements > 1))
  }

  @Test("Part of a block, a negative count and an overflow have no byte count")
  func noByteCount() {
    #expect(ElementType.q4_k.byteCount(elements: 255) == nil)
    #expect(ElementType.q8_0.byteCount(elements: 33) == nil)
    #expect(ElementType.f32.byteCount(elements: -1) == nil)
    #expect(ElementType.f64.byteCount(elements: 1 << 60) == nil)
    #expect(ElementType.q8_0.byteCount(elements: .max - 31) == nil)
  }

  @Test("Every type has a name of its own")
  func names() { #expect(Set(ElementType.allCases.map(\.name)).count == ElementType.allCases.count) }
}
