/// A way of cutting text that `tokenizer.ggml.pre` names.
///
/// GGUF files hold the name only.
/// Names from llama.cpp's vocabulary loader; the steps are those of the `tokenizer.json` files behind the names.
struct GGUFPreTokenizer: Sendable {
  /// Its names; the first is written into new files.
  let names: [String]

  /// The architectures all of whose tokenizers cut so: files from before there were names say nothing else.
  var architectures: [String] = []

  /// Whether a piece that is a token is taken whole.
  var ignoresMerges = false

  /// Whether BOS begins each text where the file does not say.
  var addsBOS = false

  /// What is cut, before bytes are taken one by one.
  private let cuts: [Cut]

  private enum Cut: Sendable {
    /// Every numeric character by itself.
    case digits
    /// At the matches of a pattern.
    case matches(String)
    /// Into the matches of a pattern, outside of which is nothing.
    case cover(String)
    /// By GPT-2's pattern, which stands in the byte-level step itself.
    case gpt2
  }

  /// The way called `name`; `nil` if it is not supported.
  static func named(_ name: String) -> Self? { all.first { $0.names.contains(name) } }

  /// The way of models of an architecture, where the file names none; `nil` where they have several.
  static func unnamed(_ architecture: String?) -> Self? {
    architecture.flatMap { architecture in all.first { $0.architectures.contains(architecture) } }
  }

  /// The pre-tokenizers.
  func steps() throws(PatternError) -> [PreTokenizer] { try steps(inverting: false) }

  /// The same, and what a `tokenizer.json` can have in their place.
  func spellings() throws(PatternError) -> [[PreTokenizer]] {
    try [steps(inverting: false), steps(inverting: true)]
  }

  /// - Parameter inverting: whether what covers the text is spelled as the removal of what lies between.
  private func steps(inverting: Bool) throws(PatternError) -> [PreTokenizer] {
    var steps: [PreTokenizer] = []
    var last: SplitPattern?
    for cut in cuts {
      switch cut {
      case .digits: steps.append(.digits(individually: true))
      case .matches(let expression):
        steps.append(.split(try SplitPattern(.expression(expression)), .isolated, inverted: false))
      case .cover(let expression):
        steps.append(
          .split(
            try SplitPattern(.expression(expression)), inverting ? .removed : .isolated, inverted: inverting))
      case .gpt2: last = try SplitPattern(.expression(SplitPattern.gpt2Expression))
      }
    }
    return steps + [.byteLevel(addsPrefixSpace: false, last)]
  }

  /// All that are supported.
  static let all = [
    Self(
      names: [
        "gpt-2", "phi-2", "mpt", "olmo", "jais", "mellum", "a.x-4.0", "trillion",
        "granite-docling",
      ], architectures: ["gpt2", "gptneox"], cuts: [.gpt2]),
    Self(
      names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
      architectures: ["starcoder2"], cuts: [.digits, .gpt2]),
    Self(
      names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0"], ignoresMerges: true,
      addsBOS: true, cuts: [.cover(words + #"|\p{N}{1,3}"# + rest)]),
    Self(
      names: ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], cuts: [.cover(words + #"|\p{N}{1,3}"# + rest)]),
    Self(
      names: ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "kormo", "f2llmv2"],
      architectures: ["qwen2", "qwen3"], cuts: [.cover(words + #"|\p{N}"# + rest)]),
    Self(
      names: ["qwen35"], architectures: ["qwen35"],
      cuts: [
        .cover(
          contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"#
            + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#)
      ]),
    Self(
      names: ["gpt-4o", "llama4"],
      cuts: [.cover(casedWords(ending: contractions + "?") + #"|\p{N}{1,3}"# + restWithSlashes)]),
    Self(
      names: ["tekken"], ignoresMerges: true, addsBOS: true,
      cuts: [.cover(casedWords(ending: "") + #"|\p{N}"# + restWithSlashes)]),
    Self(
      names: ["deepseek-llm"],
      cuts: [
        .matches("[\r\n]"), .matches(#"\s?["# + casedLetters + "]+"),
        .matches(#"\s?[!-/:-~！-／：-～‘-‟　-。]+"#), .matches(#"\s+$"#), .matches(ideographs), .digits,
      ]),
    Self(
      names: ["deepseek-coder"],
      cuts: [
        .matches("[\r\n]"), .matches(#"\s?\p{L}+"#), .matches(#"\s?\p{P}+"#), .matches(ideographs), .digits,
      ]),
    Self(
      names: ["deepseek-v3"],
      cuts: [
        .matches(#"\p{N}{1,3}"#), .matches("[一-龥぀-ゟ゠-ヿ]+"),
        .matches(##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"## + newWords + newRest),
      ]),
  ]

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  /// Words as Llama 3 and Qwen2 cut them.
  private static let words = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+"#
  private static let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let restWithSlashes = #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// Words as GPT-4o and Mistral Nemo cut them, also where small letters are followed by a large one.
  private static func casedWords(ending: String) -> String {
    let (large, small) = (#"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
    let start = #"[^\r\n\p{L}\p{N}]?"#
    return start + large + "*" + small + "+" + ending + "|" + start + large + "+" + small + "*" + ending
  }

  /// Words and signs as DeepSeek V3 cuts them.
  private static let newWords = #"[^\#r\#n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"#
  private static let newRest = #"| ?[\p{P}\p{S}]+[\#r\#n]*|\s*[\#r\#n]+|\s+(?!\S)|\s+"#

  private static let ideographs = "[一-龥ࠀ-一가-퟿]+"

  /// The letters of DeepSeek LLM: those with large and small forms, most of them.
  private static let casedLetters =
    "A-Za-z\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}\u{1BC}-\u{1BF}\u{1C4}-\u{293}\u{295}-\u{2AF}"
    + "\u{370}-\u{373}\u{376}\u{377}\u{37B}-\u{37D}\u{37F}\u{386}\u{388}-\u{38A}\u{38C}\u{38E}-\u{3A1}"
    + "\u{3A3}-\u{3F5}\u{3F7}-\u{481}\u{48A}-\u{52F}\u{531}-\u{556}\u{10A0}-\u{10C5}\u{13A0}-\u{13F5}"
    + "\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\u{1CBD}-\u{1CBF}\u{1D00}-\u{1D2B}\u{1D6B}-\u{1D77}\u{1D79}-\u{1D9A}"
    + "\u{1E00}-\u{1F15}\u{1F18}-\u{1F1D}\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-\u{1F57}\u{1F59}\u{1F5B}"
    + "\u{1F5D}\u{1F5F}-\u{1F7D}\u{1F80}-\u{1FB4}\u{1FB6}-\u{1FBC}\u{1FBE}\u{1FC2}-\u{1FC4}\u{1FC6}-\u{1FCC}"
    + "\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}\u{1FF2}-\u{1FF4}\u{1FF6}-\u{1FFC}\u{2102}\u{2107}"
    + "\u{210A}-\u{2113}\u{2115}\u{2119}-\u{211D}\u{2124}\u{2126}\u{2128}\u{212A}-\u{212D}\u{212F}-\u{2134}"
    + "\u{2139}\u{213C}-\u{213F}\u{2145}-\u{2149}\u{214E}\u{2183}\u{2184}\u{2C00}-\u{2C7B}\u{2C7E}-\u{2CE4}"
    + "\u{2CEB}-\u{2CEE}\u{2CF2}\u{2CF3}\u{A640}-\u{A66D}\u{A680}-\u{A69B}\u{A722}-\u{A76F}\u{A771}-\u{A787}"
    + "\u{A78B}-\u{A78E}\u{AB70}-\u{ABBF}\u{FB00}-\u{FB06}\u{FB13}-\u{FB17}\u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}"
    + "\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}"
    + "\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}"
}
