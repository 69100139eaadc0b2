/// What merging starts from: the tokens of single bytes, or those of single characters.
enum BytePairAlphabet: Sendable {
  /// The token of each byte; -1 for none.
  case bytes([Int32])

  /// The tokens of ASCII's characters, those of all others as (scalar, 0) in a table, and the tokens of single bytes
  /// that stand in for characters without token; -1 for none.
  case characters(ascii: [Int32], others: PairTable, bytes: [Int32]?)

  /// The bytes of a vocabulary.
  static func bytes(_ vocabulary: Vocabulary) -> Self {
    .bytes(
      (UInt8.min...UInt8.max).map { byte in
        [byte].withUnsafeBufferPointer { vocabulary.modelID(of: $0) } ?? -1
      })
  }

  /// The characters of a vocabulary.
  static func characters(_ vocabulary: Vocabulary, hasByteFallback: Bool) -> Self {
    var ascii = [Int32](repeating: -1, count: 128)
    var others = PairTable(capacity: 0)
    var count = 0
    for id in (0..<vocabulary.count).reversed() where vocabulary.isInModel[id] {
      let text = vocabulary.texts[id]
      guard let lead = text.first, text.count == UTF8Scalar.width(lead: lead) else { continue }
      if lead < 0x80 {
        ascii[Int(lead)] = Int32(id)
      } else {
        let scalar = text.withUnsafeBufferPointer { UTF8Scalar.first($0, at: 0) }.value
        others.insert(scalar, 0, UInt64(id), count: count)
        count += 1
      }
    }
    return .characters(ascii: ascii, others: others, bytes: hasByteFallback ? vocabulary.byteTokenIDs() : nil)
  }

  /// Appends the tokens that merging of `piece` starts from.
  func appendSymbols(
    of piece: UnsafeBufferPointer<UInt8>, unknownID: Int32?, fusesUnknown: Bool, to symbols: inout [Int32]
  ) {
    // Comes out before the next known symbol; bytes that stand in overtake it, as in `tokenizers`.
    var isUnknown = false
    func flush(_ symbols: inout [Int32]) {
      if isUnknown, let unknownID { symbols.append(unknownID) }
      isUnknown = false
    }
    switch self {
    case .bytes(let ids):
      for byte in piece {
        let id = ids[Int(byte)]
        if id >= 0 || !fusesUnknown { flush(&symbols) }
        if id >= 0 { symbols.append(id) } else { isUnknown = true }
      }
    case .characters(let ascii, let others, let bytes):
      var position = 0
      while position < piece.count {
        let lead = piece[position]
        let end = position + UTF8Scalar.width(lead: lead)
        var id: Int32 = -1
        if lead < 0x80 {
          id = ascii[Int(lead)]
        } else {
          let value = others[UTF8Scalar.first(piece, at: position).value, 0]
          if value != PairTable.absent { id = Int32(truncatingIfNeeded: value) }
        }
        if id >= 0 {
          flush(&symbols)
          symbols.append(id)
        } else if let bytes, piece[position..<end].allSatisfy({ bytes[Int($0)] >= 0 }) {
          for byte in piece[position..<end] { symbols.append(bytes[Int(byte)]) }
        } else {
          if !fusesUnknown { flush(&symbols) }
          isUnknown = true
        }
        position = end
      }
    }
    flush(&symbols)
  }

  /// For each byte, whether no merge reaches from it across to a ``TokenSpelling/space`` after it; nil if spaces are
  /// not tokens, or merges have tokens whose text is not the one they stand for.
  func cuts(
    _ vocabulary: Vocabulary, _ merges: [(left: Int32, right: Int32)], unknownID: Int32?
  ) -> [Bool]? {
    guard case .characters(_, let others, let bytes) = self, others[0x2581, 0] != PairTable.absent else {
      return nil
    }
    let opaque = Set(bytes ?? []).union([unknownID].compactMap(\.self))
    var cuts = [Bool](repeating: true, count: 256)
    for (left, right) in merges where vocabulary.texts[Int(right)].starts(with: TokenSpelling.space) {
      guard !opaque.contains(left), let last = vocabulary.texts[Int(left)].last else { return nil }
      cuts[Int(last)] = false
    }
    return cuts
  }
}
