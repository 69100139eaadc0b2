/// Texts packed one after another without padding, prefixes that neighbours share stored once.
///
/// Tokens are cut into segments: runs that belong to the same texts. A segment's tokens see their own predecessors
/// and, before those, the segments on the way up to the root; so a shared prefix is computed once for all texts that
/// begin with it, exactly as if each were alone. Segments are grouped in chunks that do not see each other, sized so
/// that a chunk's activations stay in cache.
package struct TokenForest: Sendable {
  /// A run of tokens common to the same texts.
  package struct Segment: Sendable, Hashable {
    /// Where its tokens are.
    package var tokens: Range<Int>
    /// The segment that comes before it in its texts.
    package var parent: Int?
    /// Whether these are padding tokens, which see the text before them and neither themselves nor each other, as
    /// under an attention mask.
    package var isPadding = false
  }

  /// What to fill texts up with.
  package struct Padding: Sendable {
    /// The token.
    package var token: Int32
    /// The length each text gets.
    package var lengths: [Int]

    /// Padding with `token` to a length for each text.
    package init(token: Int32, lengths: [Int]) {
      self.token = token
      self.lengths = lengths
    }
  }

  /// Token ids, all segments one after another.
  package private(set) var tokens: [Int32] = []
  /// Each token's position in its texts, from 0.
  package private(set) var positions: [Int32] = []
  package private(set) var segments: [Segment] = []
  /// Ranges of segments that are computed together.
  package private(set) var chunks: [Range<Int>] = []
  /// The last segment of each text, in the order of the texts; `nil` for an empty text.
  package private(set) var lastSegment: [Int?]

  /// Lends each row's position and token.
  func withRows<R>(
    _ body: (_ positions: UnsafeBufferPointer<Int32>, _ tokens: UnsafeBufferPointer<Int32>) throws -> R
  ) rethrows -> R {
    try positions.withUnsafeBufferPointer { positions in
      try tokens.withUnsafeBufferPointer { try body(positions, $0) }
    }
  }

  /// Packs `texts`.
  ///
  /// - Parameters:
  ///   - chunkTokens: tokens after which a chunk is closed; a longer text is a chunk of its own.
  ///   - sharing: whether equal prefixes are stored once. Without it every text is one segment, in the given order.
  ///   - alone: how many texts, the last ones, share nothing all the same; they come last, in chunks of their own.
  ///   - padding: fills every text up to its length, as its last segment.
  package init(
    _ texts: [[Int32]], chunkTokens: Int, sharing: Bool = true, alone: Int = 0, padding: Padding? = nil
  ) {
    lastSegment = Array(repeating: nil, count: texts.count)
    let bound = texts.count - alone
    for (range, sharing) in [(0..<bound, sharing), (bound..<texts.count, false)] {
      addChunks(texts, range, chunkTokens: chunkTokens, sharing: sharing, padding: padding)
    }
  }

  /// Packs the texts of `range` into new chunks.
  private mutating func addChunks(
    _ texts: [[Int32]], _ range: Range<Int>, chunkTokens: Int, sharing: Bool, padding: Padding?
  ) {
    var order = range.filter { !texts[$0].isEmpty }
    if sharing { order.sort { texts[$0].lexicographicallyPrecedes(texts[$1]) } }
    var first = 0
    while first < order.count {
      var end = first + 1
      var size = max(texts[order[first]].count, padding?.lengths[order[first]] ?? 0)
      while end < order.count {
        let text = texts[order[end]]
        let shared = sharing ? commonPrefix(texts[order[end - 1]], text, from: 0) : 0
        let added = max(text.count, padding?.lengths[order[end]] ?? 0) - shared
        guard size + added <= chunkTokens else { break }
        size += added
        end += 1
      }
      let firstSegment = segments.count
      if sharing {
        addTree(texts, order[first..<end], depth: 0, parent: nil)
      } else {
        for index in order[first..<end] {
          lastSegment[index] = addSegment(texts[index], 0..<texts[index].count, parent: nil)
        }
      }
      if let padding { pad(texts, order[first..<end], padding) }
      chunks.append(firstSegment..<segments.count)
      first = end
    }
  }

  /// The tokens of a chunk.
  package func tokenRange(ofChunk chunk: Int) -> Range<Int> {
    let range = chunks[chunk]
    return segments[range.lowerBound].tokens.lowerBound..<segments[range.upperBound - 1].tokens.upperBound
  }

  /// The most tokens a chunk has.
  package var largestChunk: Int { chunks.indices.map { tokenRange(ofChunk: $0).count }.max() ?? 0 }

  /// The token ranges a text consists of, from its beginning.
  package func ranges(ofText text: Int) -> [Range<Int>] {
    lastSegment[text].map { path(to: $0).map { segments[$0].tokens } } ?? []
  }

  /// The segments from the root down to `segment`, itself included.
  package func path(to segment: Int) -> [Int] {
    var path = [segment]
    var current = segments[segment]
    while let parent = current.parent {
      path.append(parent)
      current = segments[parent]
    }
    return path.reversed()
  }

  /// Adds the sorted texts `order`, which agree on their first `depth` tokens.
  private mutating func addTree(_ texts: [[Int32]], _ order: ArraySlice<Int>, depth: Int, parent: Int?) {
    guard let first = order.first, let last = order.last else { return }
    // Sorted texts: what the first and the last share, all share.
    let shared = commonPrefix(texts[first], texts[last], from: depth)
    let node = shared > depth ? addSegment(texts[first], depth..<shared, parent: parent) : parent
    var rest = order
    while let index = rest.first, texts[index].count == shared {
      lastSegment[index] = node
      rest = rest.dropFirst()
    }
    while let index = rest.first {
      let token = texts[index][shared]
      let group = rest.prefix { texts[$0][shared] == token }
      addTree(texts, group, depth: shared, parent: node)
      rest = rest.dropFirst(group.count)
    }
  }

  /// Gives each text that is too short a last segment of padding.
  private mutating func pad(_ texts: [[Int32]], _ order: ArraySlice<Int>, _ padding: Padding) {
    for index in order where texts[index].count < padding.lengths[index] {
      let whole = padding.lengths[index]
      let filled = Array(repeating: padding.token, count: whole)
      let segment = addSegment(filled, texts[index].count..<whole, parent: lastSegment[index])
      segments[segment].isPadding = true
      lastSegment[index] = segment
    }
  }

  private mutating func addSegment(_ text: [Int32], _ range: Range<Int>, parent: Int?) -> Int {
    let start = tokens.count
    tokens.append(contentsOf: text[range])
    positions.append(contentsOf: range.map { Int32($0) })
    segments.append(Segment(tokens: start..<tokens.count, parent: parent))
    return segments.count - 1
  }
}

/// Length of the common prefix of two texts that are known to agree on their first `start` tokens.
private func commonPrefix(_ a: [Int32], _ b: [Int32], from start: Int) -> Int {
  var length = start
  let limit = min(a.count, b.count)
  while length < limit, a[length] == b[length] { length += 1 }
  return length
}
