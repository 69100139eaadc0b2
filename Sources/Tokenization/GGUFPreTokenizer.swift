/// The ways of cutting text that `tokenizer.ggml.pre` names.
///
/// GGUF files hold the name only.
/// Names from llama.cpp's vocabulary loader; the steps are those of the `tokenizer.json` files behind the names.
enum GGUFPreTokenizer: Sendable, CaseIterable {
  /// GPT-2's pattern.
  case gpt2
  /// Every numeric character by itself, then GPT-2's pattern.
  case digitsThenGPT2
  /// Llama 3's pattern: numbers in groups of up to three.
  case llama3
  /// Qwen2's pattern: every numeric character by itself.
  case qwen2

  /// The way called `name`; nil if it is not supported.
  init?(name: String) {
    switch name {
    case "default", "gpt-2", "phi-2", "mpt", "olmo", "jais": self = .gpt2
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone": self = .digitsThenGPT2
    case "llama3", "llama-v3", "llama-bpe", "falcon3": self = .llama3
    case "qwen2", "deepseek-r1-qwen": self = .qwen2
    default: return nil
    }
  }

  /// Whether a piece that is a token is taken whole.
  var ignoresMerges: Bool { self == .llama3 }

  /// Whether BOS begins each text where the file does not say.
  var addsBOS: Bool { self == .llama3 }

  /// The pre-tokenizers.
  func steps() throws(PatternError) -> [PreTokenizer] {
    switch self {
    case .gpt2: [try Self.byteLevelGPT2()]
    case .digitsThenGPT2: [.digits(individually: true), try Self.byteLevelGPT2()]
    case .llama3: try Self.splitting(numbers: #"\p{N}{1,3}"#)
    case .qwen2: try Self.splitting(numbers: #"\p{N}"#)
    }
  }

  private static func byteLevelGPT2() throws(PatternError) -> PreTokenizer {
    .byteLevel(addsPrefixSpace: false, try SplitPattern(.expression(SplitPattern.gpt2Expression)))
  }

  /// The pattern that Llama 3 and Qwen2 share but for how many digits make a piece.
  private static func splitting(numbers: String) throws(PatternError) -> [PreTokenizer] {
    let expression =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    return [
      .split(try SplitPattern(.expression(expression)), .isolated, inverted: false),
      .byteLevel(addsPrefixSpace: false, nil),
    ]
  }
}
