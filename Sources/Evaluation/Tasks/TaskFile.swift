internal import Storage

/// A file whose questions are recognised by its name and by what it begins with.
struct TaskFile: Sendable {
  /// How the questions stand in the file.
  enum Layout: Sendable {
    /// One JSON object a line, `.jsonl`.
    case records(TaskForm)
    /// GLUE's RTE, `.tsv`: a header line with `sentence1`, `sentence2` and `label`, then one question a line.
    ///
    /// GLUE's own file begins with a column `index` and has no quoting; without that column fields may be quoted.
    case rteTable
    /// HellaSwag for llama.cpp, `.txt`: six lines a question, namely activity and context, right ending, four endings.
    case hellaSwagText

    /// The tasks that may be meant.
    var tasks: Set<ZeroShotTask> {
      switch self {
      case .records(let form): form.tasks
      case .rteTable: [.rte]
      case .hellaSwagText: [.hellaswag]
      }
    }

    /// Whether the file's name must say the task.
    var isGeneric: Bool {
      switch self {
      case .records(let form): form.isGeneric
      case .rteTable, .hellaSwagText: false
      }
    }
  }

  /// Where the file lies.
  let path: String
  /// How its questions stand in it.
  let layout: Layout

  /// Files are read whole; beyond this size something is wrong with them.
  private static let sizeLimit = 1 << 30
  /// Bytes from the beginning by which a file is recognised.
  private static let sniffedBytes = 1 << 20

  /// The file at `path`; nil if it is in none of the layouts.
  init?(path: String) throws {
    guard FileSystem.kind(of: path) == .file else { return nil }
    let file = try MappedFile(path: path)
    let head = try file.withBytes(0..<min(file.byteCount, Self.sniffedBytes)) { Array($0) }
    var lines = TextLines(head)
    guard let first = lines.next()?.bytes else { return nil }
    self.path = path
    switch path.split(separator: ".").last?.lowercased() {
    case "jsonl":
      guard let document = try? JSONDocument(parsing: Array(first), source: path),
        let form = TaskForm(document.root)
      else { return nil }
      layout = .records(form)
    case "tsv":
      guard TaskTable(header: first) != nil else { return nil }
      layout = .rteTable
    case "txt":
      guard Self.text(first)?.contains(": ") == true,
        let label = lines.next().flatMap({ Self.text($0.bytes) }), ["0", "1", "2", "3"].contains(label)
      else { return nil }
      layout = .hellaSwagText
    default: return nil
    }
  }

  /// The questions, of which there must be some.
  ///
  /// - Parameter limit: reads no more than these first ones.
  /// - Throws: ``EvaluationError`` with the line of the first that is not as it should be.
  func items(of task: ZeroShotTask, limit: Int?) throws -> [TaskItem] {
    var lines = TextLines(try FileSystem.readFile(path, limit: Self.sizeLimit))
    var items: [TaskItem] = []
    func add(_ item: TaskItem, line: Int) throws {
      guard item.candidates.indices.contains(item.gold) else {
        throw error(
          line, "the right answer has index \(item.gold), but there are \(item.candidates.count) answers")
      }
      let isNormalized = task.metrics.contains(.normalizedAccuracy)
      guard !isNormalized || item.candidates.allSatisfy({ $0.byteLength > 0 }) else {
        throw error(line, "an answer is empty, so acc_norm cannot be taken; remove the question")
      }
      items.append(item)
    }
    let isFull = { items.count == limit }
    switch layout {
    case .records(let form):
      let labels = try labels(beside: form)
      while !isFull(), let (bytes, number) = lines.next() {
        let record = TaskRecord(value: try object(bytes, line: number), place: place(number))
        let label = labels.flatMap { $0.indices.contains(items.count) ? $0[items.count] : nil }
        try add(try form.item(record, task, label: label), line: number)
      }
    case .rteTable:
      guard let header = lines.next(), let table = TaskTable(header: header.bytes) else { break }
      while !isFull(), let (bytes, number) = lines.next() {
        try add(try table.item(bytes, place: place(number)), line: number)
      }
    case .hellaSwagText:
      while !isFull(), let first = lines.next() {
        let rest = (0..<5).compactMap { _ in lines.next()?.bytes }
        let texts = ([first.bytes] + rest).compactMap(Self.text)
        guard texts.count == 6, let item = HellaSwagText.item(texts) else {
          throw error(
            first.number,
            "expected six lines of UTF-8: “activity: context”, the right ending 0…3, four endings")
        }
        try add(item, line: first.number)
      }
    }
    guard !items.isEmpty else { throw EvaluationError(path, "there are no questions in the file") }
    return items
  }

  private func place(_ line: Int) -> String { "\(path), line \(line)" }

  private func error(_ line: Int, _ reason: String) -> EvaluationError {
    EvaluationError(place(line), reason)
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String? { String(validating: bytes, as: UTF8.self) }

  private func object(_ bytes: ArraySlice<UInt8>, line: Int) throws -> JSONValue {
    do { return try JSONDocument(parsing: Array(bytes), source: path).root } catch {
      throw self.error(line, "column \(error.column): \(error.reason)")
    }
  }

  /// PIQA's right answers, which in the original stand in a file of their own, one a line.
  private func labels(beside form: TaskForm) throws -> [Int]? {
    guard form == .piqa else { return nil }
    let other = path.dropLast(".jsonl".count) + "-labels.lst"
    guard FileSystem.kind(of: String(other)) == .file else { return nil }
    var lines = TextLines(try FileSystem.readFile(String(other), limit: Self.sizeLimit))
    var labels: [Int] = []
    while let (bytes, number) = lines.next() {
      guard let label = Self.text(bytes).flatMap({ Int($0) }) else {
        throw EvaluationError("\(other), line \(number)", "expected the index of the right answer, 0 or 1")
      }
      labels.append(label)
    }
    return labels
  }
}
