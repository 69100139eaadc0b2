internal import Storage

extension TokenizerFile {
  /// What is put around each text, tokens of `vocabulary` all of them.
  func readTemplate(_ vocabulary: Vocabulary) throws(TokenizationError) -> TokenTemplate {
    var template = TokenTemplate()
    if let value = root["post_processor"], !value.isNull {
      try wrap(&template, value, "post_processor")
    }
    for id in template.before + template.after where id >= vocabulary.count {
      throw error("post_processor", "expected ids below \(vocabulary.count), found \(id)")
    }
    return template
  }

  private func wrap(
    _ template: inout TokenTemplate, _ value: JSONValue, _ keyPath: String
  ) throws(TokenizationError) {
    switch try type(of: value, keyPath) {
    // Only moves the offsets of tokens.
    case "ByteLevel": break
    case "Sequence":
      for (index, step) in (value["processors"]?.elements ?? []).enumerated() {
        try wrap(&template, step, "\(keyPath).processors[\(index)]")
      }
    case "BertProcessing", "RobertaProcessing":
      template.before.insert(try id(value["cls"]?.elements.last, "\(keyPath).cls"), at: 0)
      template.after.append(try id(value["sep"]?.elements.last, "\(keyPath).sep"))
    case "TemplateProcessing":
      var before: [Int32] = []
      var after: [Int32] = []
      var sequences = 0
      for (index, piece) in (value["single"]?.elements ?? []).enumerated() {
        if let name = piece["SpecialToken"]?["id"]?.string {
          let ids = value["special_tokens"]?[name]?["ids"]?.elements ?? []
          for element in ids {
            let id = try id(element, "\(keyPath).special_tokens[\"\(name)\"].ids")
            if sequences == 0 { before.append(id) } else { after.append(id) }
          }
          if !ids.isEmpty { continue }
        } else if piece["Sequence"]?["id"]?.string == "A" {
          sequences += 1
          continue
        }
        throw error("\(keyPath).single[\(index)]", "expected the sequence A or a special token with ids")
      }
      guard sequences == 1 else { throw error("\(keyPath).single", "expected the sequence A once") }
      template.before = before + template.before
      template.after += after
    case let type: throw unsupported(keyPath, type)
    }
  }
}
