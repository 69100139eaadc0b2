/// How tokens become text.
enum TokenDecoder: Sendable {
  /// `ByteLevel`: the bytes the tokens stand for, joined.
  case byteLevel
  /// Steps on the texts of the tokens, which are joined after the last.
  case steps([DecoderStep])
}

/// One step from the texts of tokens to text; names and meanings are those of `decoder` in `tokenizer.json`.
enum DecoderStep: Sendable, Equatable {
  /// `Replace`: puts text in the place of other text, which is not empty, in every token.
  case replace([UInt8], [UInt8])

  /// `ByteFallback`: tokens such as `<0x0A>` become their bytes, or U+FFFD each where a run of them is not UTF-8.
  case byteFallback

  /// `Fuse`: the tokens become one.
  case fuse

  /// `Strip`: leaves out up to so many of one character, which is not empty, at both ends of every token.
  case strip([UInt8], start: Int, stop: Int)

  /// `Metaspace`: spaces shown become spaces, but for those in the first token where one was put there.
  case metaspace(replacement: [UInt8], stripsFirst: Bool)

  /// `WordPiece`: a space comes before every token but the first and those that continue a word; with `cleansUp`, it
  /// goes before punctuation and in English contractions.
  case wordPiece(prefix: [UInt8], cleansUp: Bool)

  /// What tokens without any decoder get: a space between two.
  case joinWithSpaces

  /// Puts what becomes of `tokens` in their place.
  func decode(_ tokens: inout [[UInt8]]) {
    let space = UInt8(ascii: " ")
    switch self {
    case .replace(let old, let new):
      for index in tokens.indices { tokens[index] = TokenSpelling.replacing(tokens[index], old, by: new) }
    case .byteFallback: tokens = Self.joinBytes(tokens)
    case .fuse: tokens = [Array(tokens.joined())]
    case .strip(let character, let start, let stop):
      for index in tokens.indices {
        var token = tokens[index][...]
        var (left, right) = (start, stop)
        while left > 0, token.starts(with: character) {
          token = token.dropFirst(character.count)
          left -= 1
        }
        while right > 0, token.suffix(character.count).elementsEqual(character) {
          token = token.dropLast(character.count)
          right -= 1
        }
        tokens[index] = Array(token)
      }
    case .metaspace(let replacement, let stripsFirst):
      for index in tokens.indices {
        let strips = index == 0 && stripsFirst
        tokens[index] = TokenSpelling.replacing(tokens[index], replacement, by: strips ? [] : [space])
      }
    case .wordPiece(let prefix, let cleansUp):
      for index in tokens.indices {
        if index > 0 {
          if tokens[index].starts(with: prefix) {
            tokens[index].removeFirst(prefix.count)
          } else {
            tokens[index].insert(space, at: 0)
          }
        }
        if cleansUp { tokens[index] = Self.cleanUp(tokens[index]) }
      }
    case .joinWithSpaces:
      for index in tokens.indices.dropFirst() { tokens[index].insert(space, at: 0) }
    }
  }

  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var bytes: [UInt8] = []
    func flush() {
      guard !bytes.isEmpty else { return }
      if (try? UTF8Span(validating: bytes.span)) != nil {
        result.append(bytes)
      } else {
        for _ in bytes { result.append(Array("\u{FFFD}".utf8)) }
      }
      bytes.removeAll()
    }
    for token in tokens {
      if let byte = TokenSpelling.byte(of: token[...]) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  /// What is put closer in English text, in this order.
  private static let closings = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

  private static func cleanUp(_ token: [UInt8]) -> [UInt8] {
    closings.reduce(token) { TokenSpelling.replacing($0, $1.0, by: $1.1) }
  }
}
