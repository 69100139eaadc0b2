/// The features of words: hashes of the word itself, of it with the word before, and of the n-grams of its letters.
///
/// A feature is a row of the scorer's table; features that collide share it. The n-grams, of 3 to 5 bytes, are taken
/// with a mark at both ends of the word.
package struct NGramFeatures: Sendable, Hashable {
  /// The table has 2 to this power rows.
  package let bits: Int

  /// Version of the features, the division into words included: weights are of use with their own version only.
  package static let version = 1

  /// Features into a table of `1 << bits` rows, `bits` from 1 to 30.
  package init(bits: Int) {
    precondition((1...30).contains(bits))
    self.bits = bits
  }

  /// The rows of a text's features.
  package struct Rows: Sendable {
    /// Rows of all words, one word after the other; rows of a word may repeat.
    package internal(set) var rows: [Int32] = []
    /// Where each word ends in `rows`.
    package internal(set) var ends: [Int32] = []

    /// The rows of a text without words.
    package init() {}
  }

  private static let lengths = 3...5
  // FNV-1a's offset and prime; the other offset keeps n-grams and pairs apart from words.
  private static let wordOffset: UInt64 = 0xCBF2_9CE4_8422_2325
  private static let otherOffset: UInt64 = 0x9AE1_6A3B_2F90_404F
  private static let prime: UInt64 = 0x100_0000_01B3

  /// Replaces the contents of `result` by the features of the first `limit` of `words`.
  package func rows(of words: ScoredWords, limit: Int = .max, into result: inout Rows) {
    result.rows.removeAll(keepingCapacity: true)
    result.ends.removeAll(keepingCapacity: true)
    var previous = Self.wordOffset
    words.bytes.withUnsafeBufferPointer { bytes in
      for word in 0..<min(limit, words.count) {
        let letters = UnsafeBufferPointer(rebasing: bytes[words.range(word)])
        let whole = letters.reduce(Self.wordOffset) { ($0 ^ UInt64($1)) &* Self.prime }
        result.rows.append(row(whole))
        result.rows.append(row((previous &* Self.prime ^ whole) &+ Self.otherOffset))
        previous = whole
        appendNGrams(of: letters, to: &result.rows)
        result.ends.append(Int32(result.rows.count))
      }
    }
  }

  private func appendNGrams(of letters: UnsafeBufferPointer<UInt8>, to rows: inout [Int32]) {
    // Positions −1 and `count` are the marks.
    for start in -1...max(-1, letters.count + 1 - Self.lengths.lowerBound) {
      var hash = Self.otherOffset
      for position in start..<min(start + Self.lengths.upperBound, letters.count + 1) {
        let isMark = position < 0 || position == letters.count
        hash = (hash ^ UInt64(isMark ? UInt8(ascii: " ") : letters[position])) &* Self.prime
        if position - start + 1 >= Self.lengths.lowerBound { rows.append(row(hash)) }
      }
    }
  }

  /// The row of a hash: its upper bits after mixing.
  private func row(_ hash: UInt64) -> Int32 {
    Int32(truncatingIfNeeded: ((hash ^ (hash >> 29)) &* 0xBF58_476D_1CE4_E5B9) >> UInt64(64 - bits))
  }
}
