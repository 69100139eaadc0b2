internal import Storage

/// The questions of a task that are scored together.
package struct TaskSet: Sendable {
  /// The task.
  package let task: ZeroShotTask
  /// The file they come from.
  package let path: String
  /// The questions, in the file's order.
  package let items: [TaskItem]
}

/// Which of the files in a folder hold the questions of which task.
///
/// The innermost part of a file's path that names a task says what it is; without one, a form of questions that only one
/// task has. Of several files for a task the one of the split that the harness scores is taken; files of a training
/// split never are, unless one is given by itself.
package struct TaskFolder: Sendable {
  private let path: String
  /// For each task the files that serve it equally well.
  private var files: [ZeroShotTask: [TaskFile]] = [:]

  /// How deep folders are searched, and how many files and folders are looked at.
  private static let depthLimit = 4
  private static let entryLimit = 10_000

  /// Looks through the folder at `path`, or at that one file.
  ///
  /// - Throws: ``EvaluationError`` where there is nothing at `path`, or too much.
  package init(path: String) throws {
    self.path = path
    var ranks: [ZeroShotTask: Int] = [:]
    let names = path.split(separator: "/").map(String.init)
    for inner in try Self.files(under: path) {
      guard let split = Self.split(inner),
        let file = try TaskFile(path: inner.reduce(path, FileSystem.join)),
        let task = Self.task(of: file, names: names + inner)
      else { continue }
      let rank = split == task.split ? 0 : split == .unknown ? 1 : 2
      if let best = ranks[task], best < rank { continue }
      if ranks[task] != rank { files[task] = [] }
      ranks[task] = rank
      files[task, default: []].append(file)
    }
  }

  /// The questions of each task.
  ///
  /// - Parameters:
  ///   - tasks: in this order; by default all that are there, in the order of ``ZeroShotTask``.
  ///   - limit: takes the first ones of each task only, as the harness's `--limit` does.
  /// - Throws: ``EvaluationError`` where no file, or more than one, can be meant, or a file is at fault.
  package func questions(of tasks: [ZeroShotTask]? = nil, limit: Int? = nil) throws -> [TaskSet] {
    guard !files.isEmpty else {
      throw EvaluationError(
        path,
        "no file of a task is recognised here; expected .jsonl, .tsv or .txt files in llm-foundry's form or the data "
          + "sets' own, with the task's name in their path")
    }
    let found = ZeroShotTask.allCases.filter { files[$0] != nil }
    return try (tasks ?? found).map { task in
      guard let candidates = files[task], let file = candidates.first else {
        throw EvaluationError(
          path,
          "no file of \(task.rawValue) is recognised here, but of \(found.map(\.rawValue).joined(separator: ", ")); "
            + "the file's path must hold the task's name")
      }
      guard candidates.count == 1 else {
        throw EvaluationError(
          path,
          "several files hold questions of \(task.rawValue): "
            + candidates.prefix(4).map(\.path).joined(separator: ", ") + "; give the one that is meant")
      }
      return TaskSet(task: task, path: file.path, items: try file.items(of: task, limit: limit))
    }
  }

  /// The names that lead from `path` to every file under it; none for `path` itself.
  private static func files(under path: String) throws -> [[String]] {
    var found: [[String]] = []
    var entries = 0
    func visit(_ names: [String]) throws {
      entries += 1
      guard entries <= entryLimit else {
        throw EvaluationError(
          path, "there are more than \(entryLimit) files and folders; give the folder of the tasks alone")
      }
      let place = names.reduce(path, FileSystem.join)
      switch FileSystem.kind(of: place) {
      case .file: found.append(names)
      case .folder where names.count < depthLimit:
        for name in try FileSystem.list(place) where !name.hasPrefix(".") { try visit(names + [name]) }
      default: break
      }
    }
    guard FileSystem.kind(of: path) != nil else {
      throw EvaluationError(path, "there is no such folder or file")
    }
    try visit([])
    return found
  }

  /// The task of a file, by its form and the innermost of `names` that names a task; nil where they do not settle it.
  private static func task(of file: TaskFile, names: [String]) -> ZeroShotTask? {
    let named = names.reversed().lazy.map(tasks(named:)).first { !$0.isEmpty }
    let possible = file.layout.tasks
    let tasks = named?.intersection(possible) ?? (file.layout.isGeneric ? [] : possible)
    return tasks.count == 1 ? tasks.first : nil
  }

  private static func tasks(named name: String) -> Set<ZeroShotTask> {
    let words = words(name)
    let joined = words.joined()
    return Set(
      ZeroShotTask.allCases.filter { task in
        switch task {
        // So short that it is inside other words.
        case .rte: words.contains("rte")
        case .openBookQA: joined.contains("openbook")
        case .lambada: joined.contains("lambada")
        case .piqa: joined.contains("piqa") || joined.contains("physicaliqa")
        case .boolq, .hellaswag, .winogrande, .arcEasy, .arcChallenge:
          joined.contains(Self.words(task.rawValue).joined())
        }
      })
  }

  /// The split that the innermost telling name means; nil for training.
  private static func split(_ names: [String]) -> DataSplit? {
    for word in names.reversed().flatMap(words) {
      switch word {
      case "train", "training": return nil
      case "val", "valid", "validation", "dev": return .validation
      case "test": return .test
      default: continue
      }
    }
    return .unknown
  }

  /// Runs of letters and digits, in lower case.
  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
  }
}
