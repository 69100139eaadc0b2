import Storage
import Testing

@Suite struct AlignedBufferTests {
  @Test("A new buffer is zero and begins at a multiple of 64 bytes", arguments: [0, 1, 3, 1000])
  func zeroed(count: Int) {
    func check<T: BitwiseCopyable & Equatable>(_ zero: T) {
      let buffer = AlignedBuffer<T>(count: count)
      #expect(buffer.count == count)
      buffer.withUnsafeBufferPointer {
        #expect($0.count == count && $0.allSatisfy { $0 == zero })
        #expect(UInt(bitPattern: $0.baseAddress) % 64 == 0)
      }
    }
    check(UInt8(0))
    check(Float(0))
    check(Double(0))
    check(SIMD3<Float>(repeating: 0))
  }

  @Test("A buffer holds what is copied or written into it")
  func contents() {
    var buffer = AlignedBuffer(copying: (0..<100).map { Float($0) })
    buffer[7] = -1
    buffer.withUnsafeMutableBufferPointer { $0[99] = 5 }
    #expect(buffer[6] == 6 && buffer[7] == -1 && buffer[99] == 5)
    #expect(buffer.withUnsafeBufferPointer { Array($0[8..<11]) } == [8, 9, 10])
  }
}
