package import Tokenization

/// Tokens to be scored after others.
package struct ContinuationRequest: Sendable, Equatable {
  /// What the model reads: context and continuation without its last token.
  package let input: [Int32]
  /// What is scored, each token in the row before it: the last one in the last row of `input`.
  package let continuation: [Int32]

  /// Tokens to be scored after `context`, cut from the left where both together are too long.
  ///
  /// - Parameters:
  ///   - context: one token or more.
  ///   - continuation: one token or more.
  ///   - maximumPositions: most tokens that the model reads.
  package init?(context: [Int32], continuation: [Int32], maximumPositions: Int) {
    guard !context.isEmpty, !continuation.isEmpty, continuation.count <= maximumPositions else { return nil }
    input = Array((context + continuation).suffix(maximumPositions + 1).dropLast())
    self.continuation = continuation
  }
}

/// Turns texts into requests as lm-evaluation-harness does.
///
/// White space at the end of a context goes to the continuation; both are then tokenized together, and what comes after
/// as many tokens as the context alone has is the continuation. After an empty context it follows BOS, or else EOS.
package struct ContinuationEncoder {
  private let tokenizer: Tokenizer
  private let maximumPositions: Int
  /// The last context, which candidates often share.
  private var last: (context: String, ids: [Int32]) = ("", [])

  /// - Parameter maximumPositions: most tokens that the model reads.
  package init(_ tokenizer: Tokenizer, maximumPositions: Int) {
    self.tokenizer = tokenizer
    self.maximumPositions = maximumPositions
  }

  /// The request for a continuation of a context.
  ///
  /// - Parameter place: names the two in errors.
  package mutating func request(context: String, continuation: String, place: String) throws
    -> ContinuationRequest
  {
    let scalars = context.unicodeScalars
    let end = scalars.lastIndex { !PythonText.isSpace($0) }.map(scalars.index(after:)) ?? scalars.startIndex
    let spaces = String(scalars[end...])
    let context = String(scalars[..<end])
    var (before, after): ([Int32], [Int32]) = ([], [])
    if !context.isEmpty {
      if last.context != context { last = (context, try tokenizer.encode(context)) }
      before = last.ids
      after = Array(try tokenizer.encode(context + spaces + continuation).dropFirst(before.count))
    }
    if before.isEmpty {
      after = try tokenizer.encode(spaces + continuation, addSpecialTokens: false)
      guard let prefix = tokenizer.bosID ?? tokenizer.eosID else {
        throw EvaluationError(
          place, "the context is empty, and the tokenizer has no token to begin a text with")
      }
      before = [prefix]
      if after.first == prefix { after.removeFirst() }
    }
    let request = ContinuationRequest(
      context: before, continuation: after, maximumPositions: maximumPositions)
    guard let request else {
      throw EvaluationError(
        place,
        "the continuation has \(after.count) tokens; expected 1 to \(maximumPositions), as many as the model reads"
      )
    }
    return request
  }

  /// The requests for a question, one for each candidate.
  package mutating func requests(for item: TaskItem, place: String) throws -> [ContinuationRequest] {
    try item.candidates.map {
      try request(context: $0.context, continuation: $0.continuation, place: place)
    }
  }
}
