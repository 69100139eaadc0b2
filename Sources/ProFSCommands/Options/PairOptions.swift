internal import ArgumentParser
internal import PreferenceData
internal import Tokenization
internal import Transformer

/// A file of preference pairs and how it is read; shared by every command that takes one.
struct PairOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Preference pairs: .jsonl, .json, .csv or .tsv, each also .gz, with prompt/chosen/rejected or chosen/rejected; in JSON they can be lists of chat messages.",
      valueName: "file"))
  var pairs: String

  @Option(
    help: ArgumentHelp(
      "Which columns hold the pairs, e.g. chosen=neutral1,rejected=toxic.", valueName: "names"))
  var columns: String?

  @OptionGroup var chat: ChatOptions

  @Option(help: ArgumentHelp("Use the first n pairs only.", valueName: "n"))
  var limit: Int?

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
  }

  /// The options as they were parsed for another command.
  init(pairs: String, columns: String?, chat: ChatOptions, limit: Int?) {
    (self.pairs, self.columns, self.chat, self.limit) = (pairs, columns, chat, limit)
  }

  /// Required by the parser.
  init() {}

  /// The pairs of the file at `path`, or at ``pairs``; lines are numbered as in the file.
  func file(at path: String? = nil) throws -> PreferenceFile {
    try PreferenceFile(path: path ?? pairs, columns: try columns.map { try PreferenceColumns(parsing: $0) })
  }

  /// Those of `file` that are used.
  func used(of file: PreferenceFile) -> ArraySlice<PreferencePair> {
    file.pairs.prefix(limit ?? file.pairs.count)
  }

  /// Pairs as tokens.
  struct TokenizedPairs {
    /// Each pair's preferred side.
    var chosen: [[Int32]] = []
    /// Each pair's other side.
    var rejected: [[Int32]] = []
    /// What the user should know of them.
    var notes: [String] = []
  }

  /// Reads the pairs and turns both sides into tokens, cut after `maxTokens`.
  func tokenizedPairs(_ model: Model, maxTokens: Int) throws -> TokenizedPairs {
    var result = TokenizedPairs()
    let file = try file()
    if let line = file.identicalPairLines.first {
      result.notes.append(
        "\(file.identicalPairLines.count) pairs have two identical sides, the first on line \(line); "
          + "they add nothing but to the mean")
    }
    let tokenizer = try PassageTokenizer(model, chatFormat: chat.chatFormat)
    let used = used(of: file)
    if used.contains(where: { $0.text(of: .chosen) == nil || $0.text(of: .rejected) == nil }) {
      let format = try tokenizer.chatTemplate().format
      result.notes.append("the pairs are conversations, written in the chat format \(format.rawValue)")
    }
    for pair in used {
      func tokens(_ side: PreferenceSide) throws -> [Int32] {
        do {
          return try tokenizer.encode(pair.passage(of: side), limit: maxTokens)
        } catch let error as TokenizationError {
          throw PreferenceDataError(file: pairs, line: pair.line, reason: "\(side.rawValue): \(error)")
        }
      }
      result.chosen.append(try tokens(.chosen))
      result.rejected.append(try tokens(.rejected))
    }
    let same = zip(result.chosen, result.rejected).count { $0 == $1 && $0.count == maxTokens }
    if same > 0 {
      result.notes.append(
        "\(same) pairs have the same \(maxTokens) tokens on both sides, where they are cut; raise --max-tokens"
      )
    }
    return result
  }
}
