internal import Kernels
internal import Storage
internal import Transformer

/// A file or folder that a command is to make.
enum NewOutput {
  /// Throws where something is at `path` already or nothing can be made there: known before minutes of work are spent.
  ///
  /// Of several processes only the first, which is to write, looks.
  static func check(_ path: String) throws {
    guard Communicator.world.isFirst else { return }
    guard !FileSystem.exists(path) else {
      throw ModelError(path, "the output exists already; choose another name or remove it")
    }
    guard !FileSystem.isBeingWritten(path) else {
      throw ModelError(
        path, "another run is writing this now; wait until it has ended or choose another name")
    }
    let parent = FileSystem.parent(of: path)
    guard FileSystem.kind(of: parent) == .folder else {
      throw ModelError(path, "there is no folder \(parent) to write it to; make it first")
    }
  }
}
