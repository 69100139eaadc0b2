import Foundation

/// Declarations of a Swift file that are neither private nor documented with `///`.
///
/// The file is read line by line with its comments and strings blanked out. Only declarations at the level of the
/// file or of a type count. Stored properties on lines that follow each other may share the comment of the first,
/// unless they are public; enum cases are left to judgement, and so are members that repeat a requirement documented elsewhere.
func documentationFaults(in path: String) throws -> [String] {
  let source = try String(contentsOfFile: path, encoding: .utf8)
  let original = source.components(separatedBy: "\n")
  var scopes: [Scope] = []
  var pending: Scope?
  var storedAbove = -1  // line of the last stored property that has documentation, or shares it
  var faults: [String] = []
  for (number, line) in blanked(source).components(separatedBy: "\n").enumerated() {
    if scopes.allSatisfy(\.isType), let declaration = Declaration(line) {
      pending = Scope(isType: declaration.isType, isPrivate: declaration.isPrivate)
      let isVisible = !declaration.isPrivate && !scopes.contains(where: \.isPrivate)
      let shares = declaration.isStored && !line.contains("public ") && storedAbove == number - 1
      let documented = shares || isDocumented(number, in: original)
      if isVisible, declaration.needsDocumentation, !documented {
        faults.append("\(path):\(number + 1): \(declaration.summary) has no documentation")
      }
      if declaration.isStored, documented { storedAbove = number }
    }
    for character in line {
      if character == "{" {
        scopes.append(pending ?? Scope(isType: false, isPrivate: false))
        pending = nil
      } else if character == "}" {
        _ = scopes.popLast()
      }
    }
  }
  return faults
}

/// What a pair of braces encloses.
private struct Scope {
  var isType: Bool
  var isPrivate: Bool
}

/// The declaration a line begins with.
private struct Declaration {
  private static let typeKeywords: Set = ["struct", "class", "enum", "actor", "protocol", "extension"]
  private static let memberKeywords: Set = [
    "func", "var", "let", "init", "subscript", "typealias", "associatedtype", "macro", "operator",
  ]
  private static let modifiers: Set = [
    "public", "package", "internal", "open", "private", "fileprivate", "static", "class", "final", "override",
    "mutating", "nonmutating", "consuming", "borrowing", "lazy", "weak", "unowned", "indirect", "convenience",
    "required", "dynamic", "optional", "nonisolated", "isolated", "distributed", "prefix", "postfix", "infix",
    "unsafe", "async", "sending",
  ]
  /// Members whose meaning the standard library or the argument parser documents.
  private static let requirements: Set = [
    "description", "debugDescription", "errorDescription", "hash", "encode", "makeIterator", "next",
    "configuration", "run", "validate", "==", "<",
  ]
  /// Attributes of a command's options, whose `help:` is their documentation.
  private static let selfDocumenting: Set = ["Option", "Argument", "Flag", "OptionGroup"]

  let keyword: String
  let name: String
  let isPrivate: Bool
  let isExempt: Bool
  let isStored: Bool
  var isType: Bool { Self.typeKeywords.contains(keyword) }
  var needsDocumentation: Bool { keyword != "extension" && !isExempt }
  var summary: String { keyword == "init" || keyword == "subscript" ? keyword : "\(keyword) \(name)" }

  init?(_ line: String) {
    var rest = line[...].drop { $0 == " " }
    var isPrivate = false
    var isExempt = false
    while let first = rest.first {
      if first == "@" {
        let attribute = rest.dropFirst().prefix { $0.isLetter || $0 == "_" }
        isExempt = isExempt || Self.selfDocumenting.contains(String(attribute))
        rest = Self.skippingParentheses(rest.dropFirst(1 + attribute.count))
        continue
      }
      let word = rest.prefix { $0.isLetter || $0 == "_" }
      let after = rest.dropFirst(word.count)
      // `class` is a modifier before `func` and `var`, a keyword before a name.
      let isClassMember = word == "class" && after.firstMatch(of: /^ +(func|var|subscript)\b/) != nil
      let isKeyword = Self.typeKeywords.contains(String(word)) || Self.memberKeywords.contains(String(word))
      if isKeyword, !isClassMember {
        // `init` and `subscript` begin a declaration only with parameters; elsewhere they are calls.
        let name = after.drop { $0 == " " }.prefix { !" (<:{=,".contains($0) }
        keyword = String(word)
        self.name = String(name.isEmpty ? after.drop { $0 == " " }.prefix { $0 != "(" && $0 != " " } : name)
        self.isPrivate = isPrivate
        let isStandardInit = word == "init" && after.prefixMatch(of: /\((from decoder|\w+Literal\b)/) != nil
        self.isExempt =
          isExempt || isStandardInit || Self.requirements.contains(self.name) || line.contains("override ")
          || line.contains("CodingKeys")
        isStored = (word == "let" || word == "var") && !line.contains("{")
        return
      }
      guard Self.modifiers.contains(String(word)) else { return nil }
      let argument = after.hasPrefix("(") ? after.prefix { $0 != ")" } : ""
      if word == "private" || word == "fileprivate" { isPrivate = isPrivate || argument != "(set" }
      rest = Self.skippingParentheses(after)
    }
    return nil
  }

  /// What follows an argument list, if one begins here, and the spaces after it.
  private static func skippingParentheses(_ text: Substring) -> Substring {
    guard text.hasPrefix("(") else { return text.drop { $0 == " " } }
    var depth = 0
    let rest = text.drop { character in
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      return depth > 0
    }
    return rest.dropFirst().drop { $0 == " " }
  }
}

/// Whether the lines above `number` are documentation, with attributes and conditions perhaps in between.
///
/// An option of a command whose attribute stands on the lines above documents itself by its `help:`.
private func isDocumented(_ number: Int, in lines: [String]) -> Bool {
  var index = number - 1
  var depth = 0
  while index >= 0 {
    let line = lines[index].trimmingCharacters(in: .whitespaces)
    if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
    // An attribute's arguments may cover several lines: go up until the parentheses close.
    depth += line.count { $0 == ")" } - line.count { $0 == "(" }
    if line.hasPrefix("@Option") || line.hasPrefix("@Argument") || line.hasPrefix("@Flag") { return true }
    if depth <= 0, !line.hasPrefix("@"), !line.hasPrefix("#if"), !line.hasPrefix("//") { return false }
    index -= 1
  }
  return false
}
