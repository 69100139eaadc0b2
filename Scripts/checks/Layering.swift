import Foundation

/// Layer of every target, from the system libraries up.
///
/// Imports go strictly downward.
private let layers = [
  "CBLAS": 0, "CBusErrors": 0, "CFuzzer": 0, "CNeutralText": 0, "COneDNN": 0, "COpenMPI": 0, "CPCRE2": 0,
  "CProcessor": 0,
  "CScorerWeights": 0, "CUtf8proc": 0, "CVectorLoops": 0, "CZlib": 0,
  "Storage": 1,
  "Kernels": 2,
  "Checkpoints": 3, "Tokenization": 3,
  "Transformer": 4, "SubspaceEditing": 4,
  "Editing": 5, "Evaluation": 5, "PreferenceData": 5, "Training": 5,
  "Studies": 6, "Reporting": 6,
  "ProFSCommands": 7, "ProFS": 7,
  "profs": 8, "measure-limits": 8, "train-scorer": 8,
]

/// Layers a target may import from, where that is less than every lower one.
private let narrower: [String: Set<Int>] = [
  "Storage": [], "Kernels": [0, 1], "Checkpoints": [1, 2], "Tokenization": [0, 1],
  "Transformer": [1, 2, 3], "SubspaceEditing": [2],
  "Editing": [0, 1, 2, 3, 4],  // layer 0: its own neutral text
  "Training": [1, 2, 3, 4], "Reporting": [1],
  "Evaluation": [0, 1, 2, 3, 4],  // layer 0: the weights of its own scorer
  "PreferenceData": [0, 1, 3, 4],  // layer 0: zlib, for pairs that come compressed
]

/// Targets whose hot or untrusted work must not lean on Foundation.
private let withoutFoundation: Set = ["Storage", "Kernels", "Tokenization"]

private struct Manifest: Decodable {
  struct Target: Decodable {
    var name: String
    var type: String
    var path: String?
    var dependencies: [Dependency]
  }
  /// One of `{"byName": [name, condition]}`, `{"target": …}` and `{"product": [name, package, …]}`.
  struct Dependency: Decodable {
    /// A name; what follows it, a condition, is passed over.
    struct Reference: Decodable {
      var name: String
      init(from decoder: any Decoder) throws {
        var elements = try decoder.unkeyedContainer()
        name = try elements.decode(String.self)
      }
    }
    var byName: Reference?
    var target: Reference?
    /// Name of the target of this package it may refer to; nil for another package's product.
    var name: String? { (byName ?? target)?.name }
  }
  var targets: [Target]
}

/// What in the manifest, or in the `import` lines of the sources, goes against the table of layers.
func layeringFaults(manifest data: Data) throws -> [String] {
  let targets = try JSONDecoder().decode(Manifest.self, from: data).targets.filter { $0.type != "test" }
  var faults: [String] = []
  for target in targets {
    guard let layer = layers[target.name] else {
      faults.append(
        "Package.swift: target \(target.name) is not in the table of Scripts/checks/Layering.swift")
      continue
    }
    let allowed = narrower[target.name] ?? Set(0..<layer)
    let declared = Set(target.dependencies.compactMap(\.name).filter { layers[$0] != nil })
    for name in declared.sorted() {
      if let below = layers[name], !allowed.contains(below) {
        faults.append(
          "Package.swift: \(target.name) (layer \(layer)) depends on \(name) (layer \(below)); "
            + "allowed: \(allowed.sorted())")
      }
    }
    var imported: Set<String> = []
    for file in try files(under: target.path ?? "Sources/\(target.name)", ending: ".swift") {
      for (number, line) in try lines(of: file).enumerated() {
        guard let module = importedModule(in: line) else { continue }
        imported.insert(module)
        if layers[module] != nil, !declared.contains(module) {
          faults.append(
            "\(file):\(number + 1): imports \(module), on which \(target.name) declares no dependency")
        }
        if module.hasPrefix("Foundation"), withoutFoundation.contains(target.name) {
          faults.append("\(file):\(number + 1): imports \(module) in \(target.name), which does without it")
        }
      }
    }
    for name in declared.subtracting(imported).sorted() where !target.type.hasPrefix("system") {
      faults.append("Package.swift: \(target.name) depends on \(name), which none of its files imports")
    }
  }
  return faults
}

/// Module that an `import` line names, whatever its attributes, access level and kind; nil for another line.
private func importedModule(in line: String) -> String? {
  let attributesAndAccess = /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:\w+\s+)?/
  let kindAndName = /import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
  guard let start = line.prefixMatch(of: attributesAndAccess)?.range.upperBound else { return nil }
  // `import` itself may have been taken for the access level.
  return (line[start...].prefixMatch(of: kindAndName) ?? line.drop { $0 == " " }.prefixMatch(of: kindAndName))
    .map { String($0.1) }
}
