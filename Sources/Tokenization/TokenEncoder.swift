internal import Synchronization

/// The part of a tokenizer that turns text into ids; immutable, and shared by all copies of the tokenizer.
final class TokenEncoder: Sendable {
  /// The tokens.
  let vocabulary: Vocabulary
  /// The steps that rewrite text, in order.
  let normalizers: [Normalizer]
  /// The steps that cut text into pieces, in order.
  let preTokenizers: [PreTokenizer]
  /// What turns pieces into tokens.
  let model: TokenModel
  /// The added tokens that are found in normalized text, as they stand there.
  let normalizedContents: [Int32: [UInt8]]
  /// Looks for the added tokens that are found before normalization.
  private let plainMatcher: AddedTokenMatcher
  /// Looks for the added tokens that are found after it.
  private let normalizedMatcher: AddedTokenMatcher
  private let pool = EncodingPool()

  /// An encoder of these parts.
  ///
  /// - Throws: `PatternError` if a normalizer gives up on an added token.
  init(
    vocabulary: Vocabulary, normalizers: [Normalizer] = [], preTokenizers: [PreTokenizer], model: TokenModel
  ) throws(PatternError) {
    self.vocabulary = vocabulary
    self.normalizers = normalizers
    self.preTokenizers = preTokenizers
    self.model = model
    plainMatcher = AddedTokenMatcher(vocabulary.added.filter { !$0.isNormalized })
    let scratch = PatternScratch()
    var normalized: [AddedToken] = []
    for var token in vocabulary.added where token.isNormalized {
      guard token.isContentNormalized else {
        normalized.append(token)
        continue
      }
      // They are looked for in normalized text, and so as what they are normalized to.
      token.content = try token.content.withUnsafeBufferPointer { text throws(PatternError) in
        try Self.normalize(text, normalizers, scratch)
      }
      if !token.content.isEmpty { normalized.append(token) }
    }
    normalizedMatcher = AddedTokenMatcher(normalized)
    normalizedContents = Dictionary(normalized.lazy.map { ($0.id, $0.content) }) { first, _ in first }
  }

  /// The ids of `text`, with nothing put around it.
  ///
  /// - Parameter limit: how many ids are wanted; after as many the rest of the text is not looked at.
  func encode(_ text: String, atMost limit: Int = .max) throws(PatternError) -> [Int32] {
    var state = pool.take()
    state.limit = limit
    defer { pool.giveBack(state) }
    var ids: [Int32] = []
    var text = text
    do {
      try text.withUTF8 { try encode($0, &state, appendingTo: &ids) }
    } catch is EnoughTokens {
      ids.removeLast(ids.count - limit)
    } catch {
      throw error as? PatternError ?? PatternError(reason: "\(error)")
    }
    return ids
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ state: inout EncodingState, appendingTo ids: inout [Int32]
  ) throws {
    try plainMatcher.split(text) { part in
      guard case .text(let range) = part else { return try Self.append(part, state, &ids) }
      let text = UnsafeBufferPointer(rebasing: text[range])
      let isStart = range.lowerBound == 0
      guard !normalizers.isEmpty else {
        return try encodeNormalized(text, isStart: isStart, &state, appendingTo: &ids)
      }
      try Self.normalize(text, normalizers, state.patterns).withUnsafeBufferPointer { text in
        try encodeNormalized(text, isStart: isStart, &state, appendingTo: &ids)
      }
    }
  }

  private func encodeNormalized(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, _ state: inout EncodingState,
    appendingTo ids: inout [Int32]
  ) throws {
    try normalizedMatcher.split(text) { part in
      guard case .text(let range) = part else { return try Self.append(part, state, &ids) }
      try preTokenize(
        UnsafeBufferPointer(rebasing: text[range]), isStart: isStart && range.lowerBound == 0, step: 0,
        &state,
        appendingTo: &ids)
    }
  }

  private static func normalize(
    _ text: UnsafeBufferPointer<UInt8>, _ normalizers: [Normalizer], _ scratch: PatternScratch
  ) throws(PatternError) -> [UInt8] {
    do {
      guard let first = normalizers.first else { return Array(text) }
      var result = try first.normalize(text, scratch)
      for normalizer in normalizers.dropFirst() {
        result = try result.withUnsafeBufferPointer { try normalizer.normalize($0, scratch) }
      }
      return result
    } catch {
      throw error as? PatternError ?? PatternError(reason: "\(error)")
    }
  }

  private static func append(
    _ part: AddedTokenMatcher.Part, _ state: EncodingState, _ ids: inout [Int32]
  ) throws {
    if case .token(let id) = part { ids.append(id) }
    try state.requireRoom(after: ids.count)
  }

  private func preTokenize(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, step: Int, _ state: inout EncodingState,
    appendingTo ids: inout [Int32]
  ) throws {
    guard step < preTokenizers.count else {
      if case .bytePairs(let model) = model, let cutsAfter = model.cutsAfter {
        return try encodeWords(text, cutsAfter, &state, appendingTo: &ids)
      }
      return try encodePiece(text, &state, appendingTo: &ids)
    }
    try preTokenizers[step].split(text, isStart: isStart, state.patterns) { piece, isStart in
      try preTokenize(piece, isStart: isStart, step: step + 1, &state, appendingTo: &ids)
    }
  }

  /// Encodes a piece word by word, as ``BytePairModel/cutsAfter`` allows.
  private func encodeWords(
    _ piece: UnsafeBufferPointer<UInt8>, _ cutsAfter: [Bool], _ state: inout EncodingState,
    appendingTo ids: inout [Int32]
  ) throws {
    var start = 0
    var position = 1
    while position + 2 < piece.count {
      if piece[position] == TokenSpelling.space[0], piece[position + 1] == TokenSpelling.space[1],
        piece[position + 2] == TokenSpelling.space[2], cutsAfter[Int(piece[position - 1])]
      {
        try encodePiece(UnsafeBufferPointer(rebasing: piece[start..<position]), &state, appendingTo: &ids)
        start = position
        position += 2
      }
      position += 1
    }
    if start < piece.count {
      try encodePiece(UnsafeBufferPointer(rebasing: piece[start...]), &state, appendingTo: &ids)
    }
  }

  private func encodePiece(
    _ piece: UnsafeBufferPointer<UInt8>, _ state: inout EncodingState, appendingTo ids: inout [Int32]
  ) throws {
    let isCacheable = piece.count <= WordCache.keyLimit
    let hash = isCacheable ? WordCache.hash(piece) : 0
    if isCacheable, state.cache.find(piece, hash: hash, appendingTo: &ids) {
      return try state.requireRoom(after: ids.count)
    }
    let start = ids.count
    switch model {
    case .bytePairs(let model): model.encode(piece, vocabulary, &state.merging, appendingTo: &ids)
    case .unigram(let model): model.encode(piece, vocabulary, appendingTo: &ids)
    case .wordPiece(let model): model.encode(piece, appendingTo: &ids)
    }
    if isCacheable { state.cache.insert(piece, hash: hash, ids[start...]) }
    try state.requireRoom(after: ids.count)
  }
}

/// How pieces of text become tokens.
enum TokenModel: Sendable {
  /// BPE, on bytes or characters.
  case bytePairs(BytePairModel)
  /// SentencePiece's unigram language model.
  case unigram(UnigramModel)
  /// BERT's WordPiece.
  case wordPiece(WordPieceModel)
}

/// What one encoding call works with.
struct EncodingState: Sendable {
  /// PCRE2's working memory.
  let patterns = PatternScratch()
  /// The ids of pieces met before.
  var cache = WordCache()
  /// The model's working memory.
  var merging = MergeScratch()
  /// How many ids are wanted.
  var limit = Int.max

  /// Ends the call where `count` ids are as many as are wanted.
  func requireRoom(after count: Int) throws {
    if count >= limit { throw EnoughTokens() }
  }
}

/// Thrown to leave a text that has given as many ids as are wanted.
private struct EnoughTokens: Error {}

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
