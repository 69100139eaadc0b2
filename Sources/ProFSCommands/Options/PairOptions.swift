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

  @OptionGroup var writing: StyleOptions

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit must be at least 1.") }
    try Self.validate(columns: columns)
  }

  /// Throws a usage error where `--columns` cannot be read.
  static func validate(columns: String?) throws {
    do {
      _ = try columns.map { try PreferenceColumns(parsing: $0) }
    } catch {
      throw ValidationError("\(error)")
    }
  }

  /// The options as they were parsed for another command.
  init(pairs: String, columns: String?, chat: ChatOptions, limit: Int?, style: PairStyle? = nil) {
    (self.pairs, self.columns, self.chat, self.limit) = (pairs, columns, chat, limit)
    writing = StyleOptions(style: style)
  }

  /// Required by the parser.
  init() {}

  /// Which columns hold the pairs, where the user said it.
  func parsedColumns() throws -> PreferenceColumns? { try columns.map { try PreferenceColumns(parsing: $0) } }

  /// The pairs of the file at `path`, or at ``pairs``; lines are numbered as in the file.
  func file(at path: String? = nil) throws -> PreferenceFile {
    try PreferenceFile(path: path ?? pairs, columns: try parsedColumns())
  }

  /// The options as they are typed, for a command that reads the same pairs in the same way.
  func words(standardStyle: PairStyle) -> String {
    let values: [(String, String?)] = [
      ("--pairs", pairs), ("--columns", columns), ("--chat-format", chat.chatFormat?.rawValue),
      ("--limit", limit.map(String.init)), ("--style", (writing.style ?? standardStyle).rawValue),
    ]
    return values.compactMap { name, value in value.map { "\(name) \($0.shellWord)" } }
      .joined(separator: " ")
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

  /// What is levelled of the pairs that are used, after one reading of the file; `nil` where they are taken as they are.
  ///
  /// - Parameter standard: how they are taken unless the user said.
  func levelling(standard: PairStyle) throws -> StyleLevelling? {
    guard (writing.style ?? standard) == .level else { return nil }
    var sums = SideSums()
    var seen = 0
    _ = try PreferenceFile.forEachPair(
      in: pairs, columns: try parsedColumns()
    ) {
      if seen < limit ?? .max { sums.add($0) }
      seen += 1
    }
    return StyleLevelling(sums)
  }

  /// Reads the pairs and turns both sides into tokens, cut after `maxTokens`.
  ///
  /// One pair's texts are held at a time, and of it 4 bytes for each token.
  /// - Parameter standardStyle: how they are taken unless the user said.
  func tokenizedPairs(_ model: Model, maxTokens: Int, style standardStyle: PairStyle = .asWritten) throws
    -> TokenizedPairs
  {
    let levelling = try levelling(standard: standardStyle)
    var madeEqual = 0
    let tokenizer = try PassageTokenizer(model, chatFormat: chat.chatFormat)
    var result = TokenizedPairs()
    var format: String?
    var failure: (any Error)?
    func add(_ written: PreferencePair) throws {
      guard result.chosen.count < limit ?? .max else { return }
      let pair = levelling?(written) ?? written
      if pair.chosen.lastText.utf8.elementsEqual(pair.rejected.lastText.utf8),
        !written.chosen.lastText.utf8.elementsEqual(written.rejected.lastText.utf8)
      {
        madeEqual += 1
      }
      if format == nil, pair.text(of: .chosen) == nil || pair.text(of: .rejected) == nil {
        format = try tokenizer.chatTemplate().name
      }
      func tokens(_ side: PreferenceSide) throws -> [Int32] {
        do {
          // A copy has no room to grow.
          return try tokenizer.encode(pair.passage(of: side), limit: maxTokens).map(\.self)
        } catch let error as TokenizationError {
          throw PreferenceDataError(file: pairs, line: pair.line, reason: "\(side.rawValue): \(error)")
        }
      }
      result.chosen.append(try tokens(.chosen))
      result.rejected.append(try tokens(.rejected))
    }
    do {
      let columns = try parsedColumns()
      let identical = try PreferenceFile.forEachPair(in: pairs, columns: columns) {
        pair throws(PreferenceDataError) in
        do { try add(pair) } catch {
          failure = error
          throw PreferenceDataError(file: pairs, line: pair.line, reason: "\(error)")
        }
      }
      if let line = identical.first {
        result.notes.append(
          "\(identical.count) pairs have two identical sides, the first on line \(line); "
            + "they add nothing but to the mean")
      }
    } catch { throw failure ?? error }
    if let traits = levelling?.traits, !traits.isEmpty {
      guard madeEqual < result.chosen.count else {
        throw PreferenceDataError(
          file: pairs,
          reason: "the sides of every pair differ in style alone; --style as-written takes them as they are")
      }
      result.notes.append(
        "the sides are written differently (\(traits.map(\.words).joined(separator: ", "))), and both are levelled"
          + (madeEqual > 0 ? ", which makes those of \(madeEqual) pairs the same" : "")
          + "; --style as-written takes them as they are")
    }
    if let format {
      result.notes.append("the pairs are conversations, written \(format)")
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
