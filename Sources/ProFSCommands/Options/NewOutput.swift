internal import Kernels
internal import Storage
internal import Synchronization
internal import Transformer

/// A file or folder that a command is to make.
enum NewOutput {
  /// What this process has claimed, by path: kept until it ends, since a command asks more than once.
  private static let claims = Mutex<[String: OutputClaim]>([:])

  /// Throws where something is at `path` already or nothing can be made there: known before minutes of work are spent.
  ///
  /// Of several processes only the first, which is to write, looks.
  static func check(_ path: String) throws {
    guard Communicator.world.isFirst else { return }
    try checkFolder(of: path)
    guard !FileSystem.exists(path) else {
      throw ModelError(path, "the output exists already; choose another name or remove it")
    }
  }

  /// Checks `path` and keeps other runs from making it, too.
  ///
  /// Throws where another run has claimed it, or its folder cannot be written, as well.
  static func claim(_ path: String) throws {
    guard Communicator.world.isFirst else { return }
    try checkFolder(of: path)
    // First, because it also removes what a run left that was killed when its output had just been made.
    try hold(path)
    try check(path)
  }

  /// Throws where `path` lies inside the folder of `model`.
  static func check(_ path: String, isOutside model: String) throws {
    if FileSystem.kind(of: model) == .folder, let base = FileSystem.realPath(model),
      let parent = FileSystem.realPath(FileSystem.parent(of: path)),
      (parent + "/").hasPrefix(FileSystem.join(base, ""))
    {
      throw ModelError(path, "the output must not lie inside the model's folder; give another path")
    }
  }

  private static func checkFolder(of path: String) throws {
    let parent = FileSystem.parent(of: path)
    guard FileSystem.kind(of: parent) == .folder else {
      throw ModelError(path, "there is no folder \(parent) to write it to; make it first")
    }
  }

  /// Keeps other runs from writing `path`, whether it is there or not.
  static func hold(_ path: String) throws {
    guard Communicator.world.isFirst else { return }
    try claims.withLock { claims in
      if claims[path] == nil { claims[path] = try OutputClaim(path) }
    }
  }

  /// Lets other runs write `path` again: it is there now.
  static func release(_ path: String) { _ = claims.withLock { $0.removeValue(forKey: path) } }
}
