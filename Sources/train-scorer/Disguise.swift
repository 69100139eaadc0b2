internal import Kernels

/// A way of writing a word so that filters miss it and people do not.
enum Disguise: CaseIterable {
  /// One inner letter is an asterisk: f*ck.
  case oneAsterisk
  /// All inner letters are asterisks: f**k.
  case allAsterisks
  /// Signs and digits for letters they resemble: $h1t.
  case lookalikes
  /// A space, full stop or hyphen after every letter: s h i t.
  case spaced
  /// A letter several times: shiiit.
  case stretched
  /// Two neighbours in the other order: fcuk.
  case swapped
  /// An inner letter left out: fck.
  case shortened

  /// Any of them.
  static func random(_ generator: inout SplitMix64) -> Disguise { allCases[generator.index(allCases.count)] }

  /// The word in this disguise; words of fewer than three letters as they are.
  func applied(to word: String, _ generator: inout SplitMix64) -> String {
    var letters = Array(word)
    let count = letters.count
    guard count >= 3 else { return word }
    let inner = 1 + generator.index(count - 2)
    switch self {
    case .oneAsterisk: letters[inner] = "*"
    case .allAsterisks: for index in 1..<count - 1 { letters[index] = "*" }
    case .lookalikes:
      let signs: [Character: Character] = ["a": "@", "e": "3", "i": "1", "o": "0", "s": "$", "t": "7"]
      for index in 0..<count where generator.index(2) == 0 {
        letters[index] = signs[letters[index]] ?? letters[index]
      }
    case .spaced: return letters.map(String.init).joined(separator: [" ", ".", "-"][generator.index(3)])
    case .stretched:
      letters.insert(contentsOf: repeatElement(letters[inner], count: 1 + generator.index(3)), at: inner)
    case .swapped: letters.swapAt(inner - 1, inner)
    case .shortened: letters.remove(at: inner)
    }
    return String(letters)
  }
}
