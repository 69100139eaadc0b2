/// SentencePiece's unigram language model: of all ways to cut a piece into tokens, the likeliest.
///
/// The score of a way is the sum of its tokens' log probabilities. What no token covers costs 10 more than the
/// unlikeliest token, character by character. Kudo 2018, "Subword Regularization"; arithmetic and ties as in
/// `tokenizers` (f64, and the first way found stays unless another is better).
final class UnigramModel: Sendable {
  /// The score of each token by id.
  let scores: [Double]

  /// The id that stands for what the vocabulary lacks; nil if such text has no encoding.
  let unknownID: Int32?

  /// Whether what the vocabulary lacks becomes one token for each of its bytes, if there are such.
  let hasByteFallback: Bool

  private let trie: ByteTrie
  private let byteIDs: [Int32]?
  private let unknownScore: Double

  /// A model over the tokens of `vocabulary`, whose ids are the indices of `scores`.
  init(vocabulary: Vocabulary, scores: [Double], unknownID: Int32?, hasByteFallback: Bool) {
    self.scores = scores
    self.unknownID = unknownID
    self.hasByteFallback = hasByteFallback
    unknownScore = (scores.min() ?? 0) - 10
    byteIDs = hasByteFallback ? vocabulary.byteTokenIDs() : nil
    // Added tokens beyond the scores are none of the model's.
    var texts = ByteStrings()
    for id in scores.indices { texts.append(vocabulary.texts[id]) }
    trie = ByteTrie(texts, values: scores.indices.map(Int32.init))
  }

  private struct Node {
    var score = 0.0
    /// Where the last token of the best way here begins; -1 while there is none.
    var start: Int32 = -1
    var id: Int32 = -1
  }

  /// Appends the ids of `piece` to `result`.
  ///
  /// - Complexity: O(n·m), m being the length of the longest token.
  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, _ vocabulary: Vocabulary, appendingTo result: inout [Int32]
  ) {
    let nodes = bestWays(piece)
    // From the end to the beginning; runs of unknown characters are one.
    var spans: [(id: Int32, range: Range<Int>)] = []
    var end = piece.count
    while end > 0, case let node = nodes[end], node.start >= 0 {
      let start = Int(node.start)
      // The text of the unknown token itself is as unknown.
      let id = node.id == unknownID ? -1 : node.id
      if id < 0, let last = spans.last, last.id < 0 {
        spans[spans.count - 1].range = start..<last.range.upperBound
      } else {
        spans.append((id, start..<end))
      }
      end = start
    }
    for (id, range) in spans.reversed() {
      if id >= 0 {
        result.append(id)
      } else {
        appendUnknown(UnsafeBufferPointer(rebasing: piece[range]), vocabulary, to: &result)
      }
    }
  }

  /// For each place of `piece`, how the best way to it ends.
  private func bestWays(_ piece: UnsafeBufferPointer<UInt8>) -> [Node] {
    var nodes = [Node](repeating: Node(), count: piece.count + 1)
    nodes.withUnsafeMutableBufferPointer { nodes in
      scores.withUnsafeBufferPointer { scores in
        var start = 0
        while start < piece.count {
          let here = nodes[start].score
          let character = start + UTF8Scalar.width(lead: piece[start])
          var hasCharacter = false
          var node = ByteTrie.root
          for position in start..<piece.count {
            guard let next = trie.node(after: node, piece[position]) else { break }
            node = next
            let id = trie.value(at: node)
            guard id >= 0 else { continue }
            let score = scores[Int(id)] + here
            if nodes[position + 1].start < 0 || score > nodes[position + 1].score {
              nodes[position + 1] = Node(score: score, start: Int32(start), id: id)
            }
            if position + 1 == character { hasCharacter = true }
          }
          if !hasCharacter, character <= piece.count {
            let score = unknownScore + here
            if nodes[character].start < 0 || score > nodes[character].score {
              nodes[character] = Node(score: score, start: Int32(start), id: -1)
            }
          }
          start = character
        }
      }
    }
    return nodes
  }

  private func appendUnknown(
    _ text: UnsafeBufferPointer<UInt8>, _ vocabulary: Vocabulary, to result: inout [Int32]
  ) {
    // Characters that are unknown one by one may be a token together.
    if let id = vocabulary.modelID(of: text) {
      result.append(id)
    } else if let byteIDs, text.allSatisfy({ byteIDs[Int($0)] >= 0 }) {
      for byte in text { result.append(byteIDs[Int(byte)]) }
    } else if let unknownID {
      result.append(unknownID)
    }
  }
}
