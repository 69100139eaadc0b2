internal import Storage

/// `bytes`, which are UTF-8, as a JSON string.
private func string(_ bytes: [UInt8]) -> JSON { .string(String(decoding: bytes, as: UTF8.self)) }

private func byteLevelJSON(addsPrefixSpace: Bool, splits: Bool) -> JSON {
  [
    "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true,
    "use_regex": .bool(splits),
  ]
}

extension SplitPattern {
  /// The pattern as `tokenizer.json` has it.
  fileprivate var huggingFaceJSON: JSON {
    switch source {
    case .expression(let text): ["Regex": .string(text)]
    case .literal(let text): ["String": .string(text)]
    }
  }
}

extension Normalizer {
  /// The step as `tokenizer.json` has it.
  var huggingFaceJSON: JSON {
    switch self {
    case .prepend(let text): ["type": "Prepend", "prepend": string(text)]
    case .replace(let pattern, let text):
      ["type": "Replace", "pattern": pattern.huggingFaceJSON, "content": string(text)]
    case .form(let form): ["type": .string(form.rawValue)]
    case .lowercase: ["type": "Lowercase"]
    case .stripAccents: ["type": "StripAccents"]
    case .strip(let left, let right):
      ["type": "Strip", "strip_left": .bool(left), "strip_right": .bool(right)]
    case .bert(let normalizer):
      [
        "type": "BertNormalizer", "clean_text": .bool(normalizer.cleansText),
        "handle_chinese_chars": .bool(normalizer.separatesChinese),
        "strip_accents": normalizer.stripsAccents.map(JSON.bool) ?? nil,
        "lowercase": .bool(normalizer.lowercases),
      ]
    case .precompiled(let map):
      ["type": "Precompiled", "precompiled_charsmap": .string(Base64.encode(map.bytes))]
    }
  }
}

extension PreTokenizer {
  /// The step as `tokenizer.json` has it.
  var huggingFaceJSON: JSON {
    switch self {
    case .split(let pattern, let behavior, let inverted):
      [
        "type": "Split", "pattern": pattern.huggingFaceJSON, "behavior": .string(behavior.rawValue),
        "invert": .bool(inverted),
      ]
    case .digits(let individually): ["type": "Digits", "individual_digits": .bool(individually)]
    case .byteLevel(let addsPrefixSpace, let pattern):
      byteLevelJSON(addsPrefixSpace: addsPrefixSpace, splits: pattern != nil)
    case .metaspace(let metaspace):
      [
        "type": "Metaspace", "replacement": string(metaspace.replacement),
        "prepend_scheme": .string(metaspace.prependScheme.rawValue), "split": .bool(metaspace.splits),
      ]
    case .whitespaceSplit: ["type": "WhitespaceSplit"]
    case .whitespace: ["type": "Whitespace"]
    case .punctuation(let behavior): ["type": "Punctuation", "behavior": .string(behavior.rawValue)]
    case .bert: ["type": "BertPreTokenizer"]
    }
  }
}

extension TokenDecoder {
  /// The decoder as `tokenizer.json` has it; null where tokens are joined with spaces.
  var huggingFaceJSON: JSON {
    switch self {
    case .byteLevel: byteLevelJSON(addsPrefixSpace: false, splits: true)
    case .steps([.joinWithSpaces]): nil
    case .steps(let steps): ["type": "Sequence", "decoders": .array(steps.map(\.huggingFaceJSON))]
    }
  }
}

extension DecoderStep {
  /// The step as `tokenizer.json` has it.
  fileprivate var huggingFaceJSON: JSON {
    switch self {
    case .replace(let old, let new):
      ["type": "Replace", "pattern": ["String": string(old)], "content": string(new)]
    case .byteFallback: ["type": "ByteFallback"]
    case .fuse: ["type": "Fuse"]
    case .strip(let character, let start, let stop):
      ["type": "Strip", "content": string(character), "start": .int(start), "stop": .int(stop)]
    case .metaspace(let replacement, let stripsFirst):
      [
        "type": "Metaspace", "replacement": string(replacement),
        "prepend_scheme": stripsFirst ? "always" : "never", "split": true,
      ]
    case .wordPiece(let prefix, let cleansUp):
      ["type": "WordPiece", "prefix": string(prefix), "cleanup": .bool(cleansUp)]
    // Stands alone only, and is written as no decoder.
    case .joinWithSpaces: nil
    }
  }
}
