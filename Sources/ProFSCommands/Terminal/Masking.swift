/// Masks offensive words in text that is printed for people: the first letter stays, asterisks follow.
///
/// What programs read (`--json`, written files) is never masked.
enum Masking {
  /// Beginnings of words in lower case, or, with a full stop, whole words; see `Resources/masked-stems.txt`.
  private static let stems: [[Character]] = String(decoding: PackageResources.masked_stems_txt, as: UTF8.self)
    .split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }.map(Array.init)

  /// `text` with every listed word masked.
  static func mask(_ text: String) -> String {
    var result = ""
    var word: [Character] = []
    func flush() {
      result += isListed(word.map { Character($0.lowercased()) }) ? masked(word) : String(word)
      word.removeAll(keepingCapacity: true)
    }
    for character in text {
      if character.isLetter || character == "'" || character == "*" {
        word.append(character)
      } else {
        flush()
        result.append(character)
      }
    }
    flush()
    return result
  }

  private static func isListed(_ word: [Character]) -> Bool {
    stems.contains { stem in
      stem.last == "." ? word.elementsEqual(stem.dropLast()) : word.starts(with: stem)
    }
  }

  private static func masked(_ word: [Character]) -> String {
    String(word.prefix(1)) + String(repeating: "*", count: max(0, word.count - 1))
  }
}
