import Foundation
import Testing

/// `Scripts/faults/faults.c`, which makes chosen system calls of `profs` fail.
enum Faults {
  /// Where the compiled library lies; `nil` where it cannot be made here.
  static let library: String? = {
    #if os(Linux)
      let path = FileManager.default.temporaryDirectory.appending(path: "profs-faults-\(getpid()).so").path
      let compiler = Process()
      compiler.executableURL = URL(filePath: "/bin/sh")
      compiler.arguments = [
        "-c", #"for c in cc clang; do $c -shared -fPIC -O1 "$0" -o "$1" -ldl && exit 0; done; exit 1"#,
        Fixture.root + "/Scripts/faults/faults.c", path,
      ]
      compiler.standardError = FileHandle.nullDevice
      guard (try? compiler.run()) != nil else { return nil }
      compiler.waitUntilExit()
      return compiler.terminationStatus == 0 ? path : nil
    #else
      return nil
    #endif
  }()

  static let isAvailable = library != nil

  /// Variables for a run under the library, and those in `more`.
  static func environment(_ more: [String: String]) -> [String: String] {
    // With a policy of its own for waiting the command does not start itself anew, which would count twice.
    ["LD_PRELOAD": library ?? "", "OMP_WAIT_POLICY": "passive"].merging(more) { $1 }
  }

  /// How often a run makes each system call.
  static func counts(_ arguments: [String], in folder: TemporaryFolder) throws -> [String: Int] {
    let file = folder.url("counts", log: true).path
    let run = try Transcript(
      arguments, in: folder, environment: environment(["PROFS_FAULT_COUNTS": file]))
    try #require(run.status == 0, "\(run.errors)")
    let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    return Dictionary(
      uniqueKeysWithValues: try lines.map { line in
        let words = line.split(separator: " ")
        return (String(words[0]), try #require(Int(words[1])))
      })
  }

  /// `count` numbers spread over `1...total`.
  static func numbers(_ count: Int, of total: Int) -> [Int] {
    if total < 1 { return [] }
    if count >= total { return Array(1...total) }
    return count == 1 ? [(total + 1) / 2] : (0..<count).map { 1 + $0 * (total - 1) / (count - 1) }
  }
}
