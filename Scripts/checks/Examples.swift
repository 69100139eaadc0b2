import Foundation

/// Where the documents' Swift code stands, to be compiled and run.
private let examples = "Tests/EditingTests/DocumentExamples.swift"

/// Blocks of Swift, in a Markdown file or a file's documentation comments, that are not among the examples that the tests run.
///
/// Compared line by line but for indentation, empty lines and `import`.
func exampleFaults(in path: String) throws -> [String] {
  guard path != examples else { return [] }
  let held = "\n" + code(try lines(of: examples)[...]) + "\n"
  let all = try lines(of: path).map { $0.trimmingCharacters(in: .whitespaces) }
  let text =
    path.hasSuffix(".swift")
    ? all.map { $0.hasPrefix("/// ") || $0 == "///" ? String($0.dropFirst(3)) : "" } : all
  var faults: [String] = []
  var start: Int?
  for (number, line) in text.enumerated() {
    let line = line.trimmingCharacters(in: .whitespaces)
    if let first = start, line == "```" {
      if !held.contains("\n" + code(text[first..<number]) + "\n") {
        faults.append(
          "\(path):\(first): this Swift code does not stand in \(examples), where it would be run")
      }
      start = nil
    } else if line == "```swift" {
      start = number + 1
    }
  }
  return faults
}

/// The lines that count, one after another.
private func code(_ lines: ArraySlice<String>) -> String {
  lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty && !$0.hasPrefix("import ") }
    .joined(separator: "\n")
}
