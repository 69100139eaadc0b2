internal import Storage

extension TokenizerFile {
  /// How tokens become text.
  func readDecoder(isByteLevel: Bool) throws(TokenizationError) -> TokenDecoder {
    guard let value = root["decoder"], !value.isNull else {
      guard !isByteLevel else { throw error("decoder", "expected ByteLevel, found nothing") }
      return .steps([.joinWithSpaces])
    }
    let type = try type(of: value, "decoder")
    guard (type == "ByteLevel") == isByteLevel else { throw unsupported("decoder", type) }
    if isByteLevel { return .byteLevel }
    var steps: [DecoderStep] = []
    try appendDecoders(value, "decoder", to: &steps)
    return .steps(steps)
  }

  private func appendDecoders(
    _ value: JSONValue, _ keyPath: String, to steps: inout [DecoderStep]
  ) throws(TokenizationError) {
    guard steps.count < Self.stepLimit else {
      throw unsupported(keyPath, "a step after \(Self.stepLimit) others")
    }
    switch try type(of: value, keyPath) {
    case "Sequence":
      for (index, step) in (value["decoders"]?.elements ?? []).enumerated() {
        try appendDecoders(step, "\(keyPath).decoders[\(index)]", to: &steps)
      }
    case "Replace":
      if value["pattern"]?["Regex"] != nil { throw unsupported("\(keyPath).pattern", "an expression") }
      guard let content = value["content"]?.utf8, content.count <= Self.textLimit else {
        throw error("\(keyPath).content", "expected at most \(Self.textLimit) bytes of text")
      }
      steps.append(.replace(try text(value["pattern"]?["String"], "\(keyPath).pattern"), content))
    case "ByteFallback": steps.append(.byteFallback)
    case "Fuse": steps.append(.fuse)
    case "Strip":
      guard let start = value["start"]?.int, let stop = value["stop"]?.int, start >= 0, stop >= 0 else {
        throw error(keyPath, "expected start and stop, each a number of characters")
      }
      steps.append(.strip(try text(value["content"], "\(keyPath).content"), start: start, stop: stop))
    case "Metaspace":
      let metaspace = try metaspace(value, keyPath)
      steps.append(
        .metaspace(replacement: metaspace.replacement, stripsFirst: metaspace.prependScheme != .never))
    case "WordPiece":
      steps.append(
        .wordPiece(
          prefix: try text(value["prefix"], "\(keyPath).prefix"),
          cleansUp: try flag(value, "cleanup", keyPath, default: true)))
    case let type: throw unsupported(keyPath, type)
    }
  }
}
