import Kernels
import Testing
import Transformer

/// Packing of texts: whatever is shared, each text must read as if it were alone.
@Suite("Token forest")
struct TokenForestTests {
  /// Random texts over few tokens, so that many begin alike; some empty, some equal, some another's beginning.
  static func texts(seed: UInt64) -> [[Int32]] {
    var generator = SplitMix64(seed: seed)
    var texts: [[Int32]] = [[], [1], [1, 2, 3], [1, 2, 3], [1, 2]]
    for _ in 0..<40 {
      let length = Int.random(in: 0...12, using: &generator)
      texts.append((0..<length).map { _ in Int32.random(in: 0...2, using: &generator) })
    }
    return texts.shuffled(using: &generator)
  }

  @Test("every text is spelt by its ranges, at positions 0, 1, 2 …", arguments: 0..<8, [1, 7, 40, 10_000])
  func textsAreSpelt(seed: UInt64, chunkTokens: Int) {
    let texts = Self.texts(seed: seed)
    for sharing in [true, false] {
      let forest = TokenForest(texts, chunkTokens: chunkTokens, sharing: sharing)
      for (text, tokens) in texts.enumerated() {
        let rows = forest.ranges(ofText: text).flatMap { Array($0) }
        #expect(rows.map { forest.tokens[$0] } == tokens)
        #expect(rows.map { forest.positions[$0] } == tokens.indices.map { Int32($0) })
        #expect((forest.lastSegment[text] == nil) == tokens.isEmpty)
      }
      expectWellFormed(forest, chunkTokens, longest: texts.map(\.count).max() ?? 0)
    }
  }

  @Test("in one chunk, each different beginning is stored exactly once", arguments: 0..<20)
  func sharingIsComplete(seed: UInt64) {
    let texts = Self.texts(seed: seed)
    let beginnings = Set(texts.flatMap { text in (0..<text.count).map { Array(text[...$0]) } })
    let forest = TokenForest(texts, chunkTokens: .max)
    #expect(forest.tokens.count == beginnings.count)
    #expect(forest.chunks.count == 1)
  }

  @Test("without sharing the texts follow each other as they are given")
  func withoutSharing() {
    let texts = Self.texts(seed: 3)
    let forest = TokenForest(texts, chunkTokens: 30, sharing: false)
    #expect(forest.tokens == texts.flatMap(\.self))
  }

  @Test("texts that are to be alone come last, as they are given, in chunks of their own", arguments: 0..<8)
  func aloneTexts(seed: UInt64) {
    let texts = Self.texts(seed: seed)
    let shared = TokenForest(Array(texts.dropLast(9)), chunkTokens: 30)
    let forest = TokenForest(texts, chunkTokens: 30, alone: 9)
    #expect(forest.tokens == shared.tokens + texts.suffix(9).flatMap(\.self))
    #expect(Array(forest.chunks.prefix(shared.chunks.count)) == shared.chunks)
    for (text, tokens) in texts.enumerated() {
      #expect(forest.ranges(ofText: text).flatMap { Array(forest.tokens[$0]) } == tokens)
    }
    expectWellFormed(forest, 30, longest: texts.map(\.count).max() ?? 0)
  }

  @Test("a text longer than a chunk is a chunk of its own")
  func longText() {
    let texts: [[Int32]] = [Array(repeating: 1, count: 50), [2, 2], [3]]
    for sharing in [true, false] {
      let forest = TokenForest(texts, chunkTokens: 8, sharing: sharing)
      #expect(forest.chunks.indices.map { forest.tokenRange(ofChunk: $0).count } == [50, 3])
      #expect(forest.largestChunk == 50)
    }
  }

  @Test("no texts, or only empty ones, are no tokens", arguments: [[], [[]], [[], []]] as [[[Int32]]])
  func nothing(texts: [[Int32]]) {
    let forest = TokenForest(texts, chunkTokens: 8)
    #expect(forest.tokens.isEmpty && forest.chunks.isEmpty && forest.largestChunk == 0)
    #expect(texts.indices.allSatisfy { forest.ranges(ofText: $0).isEmpty })
  }

  @Test("padding fills each text to one length, marked and not shared", arguments: 0..<8, [13, 60, 10_000])
  func padding(seed: UInt64, chunkTokens: Int) {
    let texts = Self.texts(seed: seed).filter { !$0.isEmpty }
    let length = texts.map(\.count).max() ?? 0
    let forest = TokenForest(
      texts, chunkTokens: chunkTokens,
      padding: .init(
        token: 9, lengths: Array(repeating: length, count: texts.count)))
    for (text, tokens) in texts.enumerated() {
      let rows = forest.ranges(ofText: text).flatMap { Array($0) }
      #expect(rows.map { forest.tokens[$0] } == tokens + Array(repeating: 9, count: length - tokens.count))
      #expect(rows.map { forest.positions[$0] } == (0..<length).map { Int32($0) })
      let padded = forest.lastSegment[text].map { forest.segments[$0].isPadding }
      #expect(padded == (tokens.count < length))
    }
    let beginnings = Set(texts.flatMap { text in (0..<text.count).map { Array(text[...$0]) } })
    if chunkTokens == 10_000 {
      #expect(forest.tokens.count == beginnings.count + texts.reduce(0) { $0 + length - $1.count })
    }
    expectWellFormed(forest, chunkTokens, longest: length)
  }

  /// Segments and chunks tile the tokens in order, chunks keep to their size, and parents stand before their
  /// children in the same chunk.
  private func expectWellFormed(_ forest: TokenForest, _ chunkTokens: Int, longest: Int) {
    #expect(forest.positions.count == forest.tokens.count)
    var next = 0
    for segment in forest.segments {
      #expect(segment.tokens.lowerBound == next && !segment.tokens.isEmpty)
      next = segment.tokens.upperBound
    }
    #expect(next == forest.tokens.count)
    var segment = 0
    for (index, chunk) in forest.chunks.enumerated() {
      #expect(chunk.lowerBound == segment && !chunk.isEmpty)
      segment = chunk.upperBound
      #expect(forest.tokenRange(ofChunk: index).count <= max(chunkTokens, longest))
      for child in chunk {
        guard let parent = forest.segments[child].parent else { continue }
        #expect(chunk.contains(parent) && parent < child && !forest.segments[parent].isPadding)
      }
    }
    #expect(segment == forest.segments.count)
  }
}
