/// What becomes of the matches that a text is cut at; the names are those of `tokenizer.json`.
enum SplitBehavior: String, Sendable, CaseIterable {
  /// Matches are left out.
  case removed = "Removed"
  /// Matches are pieces of their own.
  case isolated = "Isolated"
  /// Matches end the piece before them.
  case mergedWithPrevious = "MergedWithPrevious"
  /// Matches begin the piece after them.
  case mergedWithNext = "MergedWithNext"
  /// Matches in a row are one piece.
  case contiguous = "Contiguous"
}

/// Makes pieces of text out of the spans that are and are not matches, span by span.
struct SpanJoiner {
  private let behavior: SplitBehavior
  private let inverted: Bool
  /// What the next span may yet join.
  private var pending = 0..<0
  private var followsMatch = false

  /// A joiner that has seen no span.
  ///
  /// - Parameter inverted: Whether matches and what lies between them change places.
  init(_ behavior: SplitBehavior, inverted: Bool) {
    self.behavior = behavior
    self.inverted = inverted
  }

  /// Takes the next span; gives back the piece that is complete with it, if any and not empty.
  mutating func add(_ span: Range<Int>, _ isMatch: Bool) -> Range<Int>? {
    let isMatch = isMatch != inverted
    defer { followsMatch = isMatch }
    let joins: Bool
    switch behavior {
    case .isolated: return span.isEmpty ? nil : span
    case .removed: return span.isEmpty || isMatch ? nil : span
    case .contiguous: joins = isMatch == followsMatch
    // Of several matches in a row, the first joins what it follows.
    case .mergedWithPrevious: joins = isMatch && !followsMatch
    // And here the last joins what follows it.
    case .mergedWithNext: joins = followsMatch && !isMatch
    }
    if joins {
      pending = pending.lowerBound..<span.upperBound
      return nil
    }
    defer { pending = span }
    return finish()
  }

  /// After the last span: the piece that is left, if any.
  func finish() -> Range<Int>? { pending.isEmpty ? nil : pending }
}
