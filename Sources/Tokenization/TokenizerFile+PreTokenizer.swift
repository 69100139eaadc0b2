internal import Storage

extension TokenizerFile {
  /// The steps of pre-tokenization.
  func readPreTokenizers() throws(TokenizationError) -> [PreTokenizer] {
    var steps: [PreTokenizer] = []
    if let value = root["pre_tokenizer"], !value.isNull {
      try appendPreTokenizers(value, "pre_tokenizer", to: &steps)
    }
    return steps
  }

  private func appendPreTokenizers(
    _ value: JSONValue, _ keyPath: String, to steps: inout [PreTokenizer]
  ) throws(TokenizationError) {
    if case .byteLevel = steps.last { throw unsupported(keyPath, "a step after ByteLevel") }
    guard steps.count < Self.stepLimit else {
      throw unsupported(keyPath, "a step after \(Self.stepLimit) others")
    }
    switch try type(of: value, keyPath) {
    case "Sequence":
      for (index, step) in (value["pretokenizers"]?.elements ?? []).enumerated() {
        try appendPreTokenizers(step, "\(keyPath).pretokenizers[\(index)]", to: &steps)
      }
    case "Digits":
      steps.append(.digits(individually: try flag(value, "individual_digits", keyPath)))
    case "ByteLevel":
      let splits = try flag(value, "use_regex", keyPath, default: true)
      let pattern =
        splits ? try pattern(.expression(SplitPattern.gpt2Expression), "\(keyPath).use_regex") : nil
      steps.append(
        .byteLevel(addsPrefixSpace: try flag(value, "add_prefix_space", keyPath, default: true), pattern))
    case "Split":
      let behavior = try behavior(value, keyPath)
      steps.append(
        .split(
          try pattern(value["pattern"], "\(keyPath).pattern"), behavior,
          inverted: try flag(value, "invert", keyPath)))
    case "Metaspace": steps.append(.metaspace(try metaspace(value, keyPath)))
    case "WhitespaceSplit": steps.append(.whitespaceSplit)
    case "Whitespace": steps.append(.whitespace)
    case "Punctuation":
      steps.append(.punctuation(value["behavior"] == nil ? .isolated : try behavior(value, keyPath)))
    case "BertPreTokenizer": steps.append(.bert)
    case let type: throw unsupported(keyPath, type)
    }
  }

  private func behavior(_ value: JSONValue, _ keyPath: String) throws(TokenizationError) -> SplitBehavior {
    guard let name = value["behavior"]?.string, let behavior = SplitBehavior(rawValue: name) else {
      let names = SplitBehavior.allCases.map(\.rawValue).joined(separator: ", ")
      throw error("\(keyPath).behavior", "expected one of \(names)")
    }
    return behavior
  }

  /// The settings of `Metaspace`, which is a pre-tokenizer and a decoder.
  ///
  /// Files from before there were schemes have `add_prefix_space`.
  func metaspace(_ value: JSONValue, _ keyPath: String) throws(TokenizationError) -> Metaspace {
    var metaspace = Metaspace()
    if let replacement = value["replacement"] {
      metaspace.replacement = try text(replacement, "\(keyPath).replacement")
    }
    if let name = value["prepend_scheme"]?.string {
      guard let scheme = Metaspace.PrependScheme(rawValue: name) else {
        let names = Metaspace.PrependScheme.allCases.map(\.rawValue).joined(separator: ", ")
        throw error("\(keyPath).prepend_scheme", "expected one of \(names)")
      }
      metaspace.prependScheme = scheme
    }
    if !(try flag(value, "add_prefix_space", keyPath, default: true)) { metaspace.prependScheme = .never }
    metaspace.splits = try flag(value, "split", keyPath, default: true)
    return metaspace
  }
}
