internal import Synchronization

/// The part of a tokenizer that turns text into ids; immutable, and shared by all copies of the tokenizer.
final class TokenEncoder: Sendable {
  /// The tokens.
  let vocabulary: Vocabulary
  /// The steps that cut text into pieces, in order.
  let preTokenizers: [PreTokenizer]
  /// What turns pieces into tokens.
  let model: TokenModel
  /// Looks for the added tokens that are found before normalization.
  private let plainMatcher: AddedTokenMatcher
  /// Looks for the added tokens that are found after it.
  private let normalizedMatcher: AddedTokenMatcher
  private let pool = EncodingPool()

  /// An encoder of these parts.
  init(vocabulary: Vocabulary, preTokenizers: [PreTokenizer], model: TokenModel) {
    self.vocabulary = vocabulary
    self.preTokenizers = preTokenizers
    self.model = model
    plainMatcher = AddedTokenMatcher(vocabulary.added.filter { !$0.isNormalized })
    normalizedMatcher = AddedTokenMatcher(vocabulary.added.filter(\.isNormalized))
  }

  /// The ids of `text`, with nothing put around it.
  func encode(_ text: String) throws(PatternError) -> [Int32] {
    var state = pool.take()
    defer { pool.giveBack(state) }
    var ids: [Int32] = []
    var text = text
    do {
      try text.withUTF8 { try encode($0, &state, appendingTo: &ids) }
    } catch {
      throw error as? PatternError ?? PatternError(reason: "\(error)")
    }
    return ids
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ state: inout EncodingState, appendingTo ids: inout [Int32]
  ) throws {
    try plainMatcher.split(text) { part in
      guard case .text(let range) = part else { return Self.append(part, &ids) }
      let text = UnsafeBufferPointer(rebasing: text[range])
      // A normalizer's place is here: between the two searches for added tokens.
      try normalizedMatcher.split(text) { part in
        guard case .text(let range) = part else { return Self.append(part, &ids) }
        try preTokenize(UnsafeBufferPointer(rebasing: text[range]), step: 0, &state, appendingTo: &ids)
      }
    }
  }

  private static func append(_ part: AddedTokenMatcher.Part, _ ids: inout [Int32]) {
    if case .token(let id) = part { ids.append(id) }
  }

  private func preTokenize(
    _ text: UnsafeBufferPointer<UInt8>, step: Int, _ state: inout EncodingState,
    appendingTo ids: inout [Int32]
  ) throws {
    guard step < preTokenizers.count else { return encodePiece(text, &state, appendingTo: &ids) }
    try preTokenizers[step].split(text, state.patterns) { piece in
      try preTokenize(piece, step: step + 1, &state, appendingTo: &ids)
    }
  }

  private func encodePiece(
    _ piece: UnsafeBufferPointer<UInt8>, _ state: inout EncodingState, appendingTo ids: inout [Int32]
  ) {
    let isCacheable = piece.count <= WordCache.keyLimit
    let hash = isCacheable ? WordCache.hash(piece) : 0
    if isCacheable, state.cache.find(piece, hash: hash, appendingTo: &ids) { return }
    let start = ids.count
    switch model {
    case .bytePairs(let model): model.encode(piece, vocabulary, &state.merging, appendingTo: &ids)
    }
    if isCacheable { state.cache.insert(piece, hash: hash, ids[start...]) }
  }
}

/// How pieces of text become tokens.
enum TokenModel: Sendable {
  /// Byte-level BPE.
  case bytePairs(BytePairModel)
}

/// What one encoding call works with.
struct EncodingState: Sendable {
  /// PCRE2's working memory.
  let patterns = PatternScratch()
  /// The ids of pieces met before.
  var cache = WordCache()
  /// The model's working memory.
  var merging = MergeScratch()
}

/// Encoding states not in use.
///
/// Each call takes one, so threads share no cache and wait for no one.
private final class EncodingPool: Sendable {
  private static let limit = 64
  private let states = Mutex<[EncodingState]>([])

  /// A state for one call, with the cache of an earlier one if there is any.
  func take() -> EncodingState { states.withLock { $0.popLast() } ?? EncodingState() }

  /// Keeps the state of a call that is done.
  func giveBack(_ state: EncodingState) {
    states.withLock { if $0.count < Self.limit { $0.append(state) } }
  }
}
