internal import Storage

extension TokenizerFile {
  /// The steps of normalization.
  func readNormalizers() throws(TokenizationError) -> [Normalizer] {
    var steps: [Normalizer] = []
    if let value = root["normalizer"], !value.isNull {
      try appendNormalizers(value, "normalizer", to: &steps)
    }
    return steps
  }

  private func appendNormalizers(
    _ value: JSONValue, _ keyPath: String, to steps: inout [Normalizer]
  ) throws(TokenizationError) {
    guard steps.count < Self.stepLimit else {
      throw unsupported(keyPath, "a step after \(Self.stepLimit) others")
    }
    switch try type(of: value, keyPath) {
    case "Sequence":
      for (index, step) in (value["normalizers"]?.elements ?? []).enumerated() {
        try appendNormalizers(step, "\(keyPath).normalizers[\(index)]", to: &steps)
      }
    case "Prepend": steps.append(.prepend(try text(value["prepend"], "\(keyPath).prepend")))
    case "Replace":
      guard let content = value["content"]?.utf8, content.count <= Self.textLimit else {
        throw error("\(keyPath).content", "expected at most \(Self.textLimit) bytes of text")
      }
      steps.append(.replace(try pattern(value["pattern"], "\(keyPath).pattern"), content))
    case "Lowercase": steps.append(.lowercase)
    case "StripAccents": steps.append(.stripAccents)
    case "Strip":
      steps.append(
        .strip(
          left: try flag(value, "strip_left", keyPath, default: true),
          right: try flag(value, "strip_right", keyPath, default: true)))
    case "BertNormalizer":
      let strips = value["strip_accents"].flatMap { $0.isNull ? nil : $0 }
      steps.append(
        .bert(
          BertNormalizer(
            cleansText: try flag(value, "clean_text", keyPath, default: true),
            separatesChinese: try flag(value, "handle_chinese_chars", keyPath, default: true),
            stripsAccents: strips == nil ? nil : try flag(value, "strip_accents", keyPath),
            lowercases: try flag(value, "lowercase", keyPath, default: true))))
    case "Precompiled":
      guard let text = value["precompiled_charsmap"]?.utf8, let bytes = Base64.decode(text),
        let map = PrecompiledCharsmap(bytes)
      else {
        throw error("\(keyPath).precompiled_charsmap", "expected a SentencePiece map of characters in Base64")
      }
      steps.append(.precompiled(map))
    case let type:
      guard let form = NormalForm(rawValue: type) else { throw unsupported(keyPath, type) }
      steps.append(.form(form))
    }
  }
}
