/// The features of a word: hashes of the word itself, of the n-grams of its letters, and of it with the word before.
///
/// A feature is a row of the scorer's table; features that collide share it. The n-grams, of 3 to 5 bytes, are taken
/// with a mark at both ends of the word.
package struct NGramFeatures: Sendable, Hashable {
  /// The table has 2 to this power rows.
  package var bits: Int

  /// Features into a table of `1 << bits` rows.
  package init(bits: Int) {
    precondition((1...30).contains(bits))
    self.bits = bits
  }

  /// Lengths of the n-grams of letters.
  package static let lengths = 3...5

  private static let offset: UInt64 = 0xCBF2_9CE4_8422_2325
  private static let pairOffset: UInt64 = 0x9AE1_6A3B_2F90_404F
  private static let prime: UInt64 = 0x100_0000_01B3

  /// Calls `body` with the rows of every word's features, one word after the other.
  ///
  /// - Parameter body: the number of the word, and a row; rows of a word may repeat.
  @inline(__always)
  package func forEach(_ words: ScoredWords, _ body: (_ word: Int, _ row: Int) -> Void) {
    let bytes = words.bytes.span
    var previous = Self.offset
    for word in 0..<words.count {
      let range = words.range(word)
      var whole = Self.offset
      for index in range { whole = (whole ^ UInt64(bytes[index])) &* Self.prime }
      body(word, row(whole))
      body(word, row((previous &* Self.prime ^ whole) &+ Self.pairOffset))
      previous = whole
      // Position −1 and `count` are the marks.
      for start in -1..<max(-1, range.count + 2 - Self.lengths.lowerBound) {
        var hash = Self.pairOffset
        let longest = min(Self.lengths.upperBound, range.count + 1 - start)
        for length in 1...longest {
          let position = start + length - 1
          let byte =
            position < 0 || position == range.count
            ? UInt8(ascii: " ") : bytes[range.lowerBound + position]
          hash = (hash ^ UInt64(byte)) &* Self.prime
          if length >= Self.lengths.lowerBound { body(word, row(hash)) }
        }
      }
    }
  }

  /// The row of a hash: its upper bits after mixing.
  private func row(_ hash: UInt64) -> Int {
    Int(truncatingIfNeeded: ((hash ^ (hash >> 29)) &* 0xBF58_476D_1CE4_E5B9) >> UInt64(64 - bits))
  }
}
