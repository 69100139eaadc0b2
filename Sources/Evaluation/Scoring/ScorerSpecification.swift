internal import Foundation
package import Kernels

/// Which scorer to use, as a person names it: `builtin`, `hf:FOLDER`, `hf:FOLDER#LABEL` or `exec:COMMAND`.
package enum ScorerSpecification: Sendable, Hashable {
  /// The scorer that is part of this program.
  case builtin
  /// A Hugging Face sequence-classification folder, and the label whose probability is the score.
  case classifier(path: String, label: String?)
  /// A program and its arguments.
  case program([String])

  /// Reads the form above; the words of a command are divided as a shell does it, quotes included.
  ///
  /// - Throws: ``EvaluationError`` that says what is missing.
  package init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.count > 1 ? parts[1] : nil) {
    case ("builtin", nil): self = .builtin
    case ("hf", let rest?):
      let halves = rest.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard !halves[0].isEmpty, halves.count == 1 || !halves[1].isEmpty else {
        throw EvaluationError("--scorer \(text)", "expected hf:FOLDER or hf:FOLDER#LABEL")
      }
      self = .classifier(path: halves[0], label: halves.count > 1 ? halves[1] : nil)
    case ("exec", let rest?):
      guard let words = Self.words(rest), !words.isEmpty else {
        throw EvaluationError("--scorer \(text)", "expected exec:COMMAND, with every quotation mark closed")
      }
      self = .program(words)
    default:
      throw EvaluationError(
        "--scorer \(text)", "expected builtin, hf:FOLDER, hf:FOLDER#LABEL or exec:COMMAND")
    }
  }

  /// Loads the scorer, or starts its program.
  ///
  /// - Parameter timeout: seconds that a program may take for one answer.
  package func open(
    _ context: ComputeContext, timeout: Double = ProgramScorer.defaultTimeout
  ) throws -> any ToxicityScorer {
    switch self {
    case .builtin: try NGramScorer.builtin()
    case .classifier(let path, let label): try ClassifierScorer(path: path, label: label, context)
    case .program(let words): try ProgramScorer(words, timeout: timeout)
    }
  }

  /// The words of a command; nil where a quotation mark is left open.
  private static func words(_ command: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var characters = command[...]
    while let character = characters.popFirst() {
      if let open = quote, character == open {
        quote = nil
      } else if quote == nil, character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character == "\\", quote != "'", let next = characters.popFirst() {
        word = (word ?? "") + String(next)
      } else if quote == nil, character.isWhitespace {
        if let complete = word { words.append(complete) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let word { words.append(word) }
    return quote == nil ? words : nil
  }
}
