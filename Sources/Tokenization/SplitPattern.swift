internal import CPCRE2

/// A compiled regular expression, or literal text, that pre-tokenizers look for.
///
/// Matching is bounded: PCRE2's match limit grows with the text and cuts exponential backtracking short, and its
/// heap limit is 64 MiB. A match that runs into them is a thrown error, never a wrong split.
///
/// Properties are those of PCRE2's Unicode version (14 in release 10.42); Oniguruma's is 16. Only letters and digits
/// that are newer than that are told apart differently.
final class SplitPattern: Sendable {
  /// The pattern as its file states it.
  enum Source: Sendable, Equatable {
    /// A regular expression in Oniguruma's language.
    case expression(String)
    /// Text to be found as it stands.
    case literal(String)
  }

  /// What GPT-2's and most later byte-level pre-tokenizers split by.
  static let gpt2Expression =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The pattern as its file states it.
  let source: Source

  // Compiled once and never changed: PCRE2 lets threads share it.
  nonisolated(unsafe) private let code: OpaquePointer
  private let isJustInTime: Bool

  /// Compiles `source`.
  ///
  /// - Throws: `PatternError` saying what the pattern holds that cannot be matched.
  init(_ source: Source) throws(PatternError) {
    self.source = source
    let pattern: String
    var options = PCRE2_UTF
    switch source {
    case .literal(let text):
      pattern = text
      options |= PCRE2_LITERAL
    case .expression(let text):
      options |= PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C
      do { pattern = try PatternTranslation.pcre2(text) } catch {
        throw PatternError(reason: "the construct \(error.construct) in \"\(text)\" is not supported")
      }
    }
    let context = pcre2_compile_context_create_8(nil)
    defer { pcre2_compile_context_free_8(context) }
    pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
    pcre2_set_max_pattern_length_8(context, 16 << 10)
    var status: Int32 = 0
    var offset = 0
    let bytes = Array(pattern.utf8)
    guard let code = pcre2_compile_8(bytes, bytes.count, options, &status, &offset, context) else {
      throw PatternError(reason: "\(Self.message(status)) at byte \(offset) of \"\(pattern)\"")
    }
    self.code = code
    isJustInTime = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE)) == 0
  }

  deinit { pcre2_code_free_8(code) }

  /// Calls `body` with the matches and what lies between them, in order, together covering `text`.
  ///
  /// A match may be empty, but not directly after another match.
  ///
  /// - Parameters:
  ///   - text: Well-formed UTF-8.
  ///   - scratch: Working memory, in use by no one else; `body` may use it too.
  /// - Throws: `PatternError` at the limits of matching; what `body` throws.
  func forEachSpan(
    in text: UnsafeBufferPointer<UInt8>, _ scratch: PatternScratch,
    _ body: (_ span: Range<Int>, _ isMatch: Bool) throws -> Void
  ) throws {
    guard let base = text.baseAddress else { return }
    scratch.setLimits(textCount: text.count)
    // `covered` is the end of the last span, `position` where the next search starts.
    var covered = 0
    var position = 0
    var lastMatchEnd = -1
    while position <= text.count {
      guard let match = try match(base, text.count, from: position, scratch) else { break }
      if match.isEmpty, match.lowerBound == lastMatchEnd {
        position += 1
        while position < text.count, text[position] & 0xC0 == 0x80 { position += 1 }
        continue
      }
      if covered < match.lowerBound { try body(covered..<match.lowerBound, false) }
      try body(match, true)
      covered = match.upperBound
      position = match.upperBound
      lastMatchEnd = match.upperBound
    }
    if covered < text.count { try body(covered..<text.count, false) }
  }

  private func match(
    _ text: UnsafePointer<UInt8>, _ count: Int, from position: Int, _ scratch: PatternScratch
  ) throws -> Range<Int>? {
    var status = PCRE2_ERROR_JIT_STACKLIMIT
    if isJustInTime {
      status = pcre2_jit_match_8(code, text, count, position, 0, scratch.matches, scratch.context)
    }
    // The interpreter keeps its backtracking on the heap, where the limit is wider.
    if status == PCRE2_ERROR_JIT_STACKLIMIT {
      status = pcre2_match_8(
        code, text, count, position, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch.matches, scratch.context)
    }
    if status == PCRE2_ERROR_NOMATCH { return nil }
    guard status >= 0, let offsets = pcre2_get_ovector_pointer_8(scratch.matches) else {
      throw PatternError(reason: "\(Self.message(status)) while matching \(describedSource)")
    }
    guard position <= offsets[0], offsets[0] <= offsets[1] else {
      throw PatternError(reason: "a match of \(describedSource) runs backwards")
    }
    return offsets[0]..<offsets[1]
  }

  private var describedSource: String {
    switch source {
    case .expression(let text), .literal(let text): "\"\(text)\""
    }
  }

  private static func message(_ status: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(status, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<Int(count)], as: UTF8.self) : "PCRE2 error \(status)"
  }
}

/// A pattern that cannot be compiled, or a match that was given up.
struct PatternError: Error {
  /// What happened, and with which pattern.
  let reason: String
}

/// PCRE2's working memory for one thread.
///
/// Not safe to share at one time: an encoding call owns it from beginning to end.
final class PatternScratch: @unchecked Sendable {
  fileprivate let matches: OpaquePointer?
  fileprivate let context: OpaquePointer?

  /// New working memory.
  init() {
    matches = pcre2_match_data_create_8(1, nil)
    context = pcre2_match_context_create_8(nil)
    pcre2_set_heap_limit_8(context, 64 << 10)
  }

  /// Allows one match a number of backtracks that is linear in the text, as honest patterns need on runs of spaces.
  fileprivate func setLimits(textCount: Int) {
    pcre2_set_match_limit_8(context, UInt32(clamping: 100_000 + 16 * textCount))
  }

  deinit {
    pcre2_match_data_free_8(matches)
    pcre2_match_context_free_8(context)
  }
}
