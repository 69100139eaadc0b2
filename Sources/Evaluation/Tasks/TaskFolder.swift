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
/// The innermost part of a file's path that names a task or tasks says what it is; without one, a form of questions
/// that only one task has. Of several files for a task the one of the split that the harness scores is taken;
/// training splits never are.
package struct TaskFolder: Sendable {
  private let path: String
  /// For each task the files that serve it equally well.
  private let files: [ZeroShotTask: [TaskFile]]

  /// How deep folders are searched, and how many files are looked at.
  private static let depthLimit = 4
  private static let fileLimit = 10_000

  /// Looks through the folder at `path`, or at that one file.
  ///
  /// - Throws: ``EvaluationError`` where there is nothing at `path` or there are too many files.
  package init(path: String) throws {
    self.path = path
    var files: [ZeroShotTask: (rank: Int, files: [TaskFile])] = [:]
    for (parts, path) in try Self.paths(under: path) {
      guard let split = Self.split(parts), let file = try TaskFile(path: path) else { continue }
      let named = Self.tasks(parts)
      let tasks =
        named.map(file.layout.tasks.intersection) ?? (file.layout.isGeneric ? [] : file.layout.tasks)
      guard let task = tasks.first, tasks.count == 1 else { continue }
      let rank = split == task.split ? 0 : split == .unknown ? 1 : 2
      if let best = files[task], best.rank < rank { continue }
      if let best = files[task], best.rank == rank {
        files[task] = (rank, best.files + [file])
      } else {
        files[task] = (rank, [file])
      }
    }
    self.files = files.mapValues(\.files)
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

  /// Every file under `path`: the names that lead to it, from `path`'s own on, and its path.
  private static func paths(under path: String) throws -> [(parts: [String], path: String)] {
    var found: [(parts: [String], path: String)] = []
    func visit(_ parts: [String], _ path: String) throws {
      switch FileSystem.kind(of: path) {
      case .file:
        guard found.count < fileLimit else {
          throw EvaluationError(
            path, "there are more than \(fileLimit) files; give the folder of the tasks alone")
        }
        found.append((parts, path))
      case .folder where parts.count <= depthLimit:
        for name in try FileSystem.list(path) where !name.hasPrefix(".") {
          try visit(parts + [name], FileSystem.join(path, name))
        }
      default: break
      }
    }
    guard FileSystem.kind(of: path) != nil else {
      throw EvaluationError(path, "there is no such folder or file")
    }
    try visit([FileSystem.lastComponent(of: path)], path)
    return found
  }

  /// The tasks that the innermost telling part of a path names; nil if none does.
  private static func tasks(_ parts: [String]) -> Set<ZeroShotTask>? {
    for part in parts.reversed() {
      let words = Self.words(part)
      let name = words.joined()
      let named = ZeroShotTask.allCases.filter { task in
        switch task {
        // So short that it is inside other words.
        case .rte: words.contains("rte")
        case .openBookQA: name.contains("openbook")
        case .lambada: name.contains("lambada")
        case .boolq, .hellaswag, .winogrande, .arcEasy, .arcChallenge, .piqa:
          name.contains(Self.words(task.rawValue).joined())
        }
      }
      if !named.isEmpty { return Set(named) }
    }
    return nil
  }

  /// The split that the innermost telling part of a path names; nil for training.
  private static func split(_ parts: [String]) -> DataSplit? {
    for part in parts.reversed() {
      for word in words(part) {
        switch word {
        case "train", "training": return nil
        case "val", "valid", "validation", "dev": return .validation
        case "test": return .test
        default: continue
        }
      }
    }
    return .unknown
  }

  /// Runs of letters and digits, in lower case.
  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
  }
}
