import Foundation

/// Paths of the files below `folder` whose names end in `suffix`, sorted; hidden folders (`.build`, `.models`) left out.
func files(under folder: String, ending suffix: String) throws -> [String] {
  guard let paths = FileManager.default.enumerator(atPath: folder) else { return [] }
  return paths.compactMap { $0 as? String }
    .filter { $0.hasSuffix(suffix) && !$0.split(separator: "/").contains { $0.hasPrefix(".") } }
    .map { folder == "." ? $0 : "\(folder)/\($0)" }
    .sorted()
}

/// Lines of a UTF-8 file.
func lines(of path: String) throws -> [String] {
  try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
}

/// Files past the house's cap of 600 lines; each wants a split along its concerns.
func lengthFaults(_ paths: [String]) throws -> [String] {
  try paths.compactMap { path in
    let count = try lines(of: path).count - 1
    return count > 600 ? "\(path): \(count) lines; the cap is 600" : nil
  }
}

/// Relative links in a Markdown file that lead nowhere; code blocks are skipped.
func linkFaults(in path: String) throws -> [String] {
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
  var faults: [String] = []
  var isCode = false
  for (number, line) in try lines(of: path).enumerated() {
    if line.hasPrefix("```") { isCode.toggle() }
    if isCode { continue }
    for link in line.matches(of: /\]\(([^)\s]+)/) {
      let target = link.1.prefix { $0 != "#" }
      if target.isEmpty || target.contains(":") { continue }
      let destination = folder.appendingPathComponent(target.removingPercentEncoding ?? String(target))
      if !FileManager.default.fileExists(atPath: destination.path) {
        faults.append("\(path):\(number + 1): link to \(target), which does not exist")
      }
    }
  }
  return faults
}
