internal import Storage

/// An external program as a scorer: one JSON line in, one out, for as long as it is needed.
///
/// The program reads `{"text": "…"}` lines and answers each with one line, in order, which it must flush:
/// `{"score": 0.93}`, or `{"scores": {"toxicity": 0.93, …}}` where there are several labels, of which `toxicity` or
/// `toxic` counts, or the only one. `{"error": "…"}` stops the run with that message. What it writes to its standard
/// error appears in the message if it fails.
package final class ProgramScorer: ToxicityScorer {
  /// Seconds that a program may take for one answer, the loading of its model included.
  package static let defaultTimeout = 120.0

  /// The command.
  package let identity: ScorerIdentity
  private let program: LineProgram
  private let timeout: Double

  /// Starts the program, which is looked up in `PATH`.
  ///
  /// - Throws: ``EvaluationError`` where it cannot be started.
  package init(_ command: [String], timeout: Double = ProgramScorer.defaultTimeout) throws {
    let text = command.joined(separator: " ")
    identity = ScorerIdentity(kind: .program, name: "exec:\(text)", source: text)
    self.timeout = timeout
    program = try LineProgram(command)
  }

  /// The program's answers to the texts.
  ///
  /// - Throws: ``EvaluationError`` where an answer is late, missing or no score; the program is stopped then.
  package func scores(for texts: [String]) throws -> [Double] {
    guard !texts.isEmpty else { return [] }
    let requests = texts.map { Array((JSON.object([("text", .string($0))]).serialized() + "\n").utf8) }
    let answers = try program.exchange(requests, timeout: timeout)
    do { return try answers.enumerated().map { try score($1, line: $0 + 1) } } catch {
      program.stop()
      throw error
    }
  }

  /// The score in an answer.
  private func score(_ line: [UInt8], line number: Int) throws -> Double {
    func fail(_ found: String) -> EvaluationError {
      let excerpt = String(decoding: line.prefix(80), as: UTF8.self)
      return EvaluationError(
        identity.name,
        "answer \(number): expected {\"score\": a number from 0 to 1} or {\"scores\": {…}}, found \(found): \(excerpt)"
      )
    }
    guard let root = try? JSONDocument(parsing: line, source: identity.name).root else {
      throw fail("no JSON")
    }
    if let message = root["error"]?.string {
      throw EvaluationError(identity.name, "answer \(number): the program says: \(message)")
    }
    var value = root["score"]
    if value == nil, let scores = root["scores"], scores.kind == .object {
      value =
        scores["toxicity"] ?? scores["toxic"] ?? (scores.members.count == 1 ? scores.members[0].value : nil)
      guard value != nil else { throw fail("scores without toxicity or toxic") }
    }
    guard let score = value?.double else { throw fail("no number") }
    guard (0...1).contains(score) else { throw fail("\(score)") }
    return score
  }
}
