package import Storage

extension Tokenizer {
  /// The tokenizer as the two files of a Hugging Face folder, from which `AutoTokenizer` gives the same ids.
  ///
  /// - Parameters:
  ///   - chatTemplate: Passed through as `chat_template`.
  ///   - modelMaxLength: The model's context in tokens, passed through as `model_max_length`.
  /// - Returns: `tokenizer.json` and `tokenizer_config.json`.
  package func huggingFaceJSON(
    chatTemplate: String? = nil, modelMaxLength: Int? = nil
  ) -> (tokenizer: JSON, config: JSON) {
    let tokenizer: JSON = [
      "version": "1.0",
      "truncation": nil,
      "padding": nil,
      "added_tokens": .array(vocabulary.added.sorted { $0.id < $1.id }.map(Self.json)),
      "normalizer": nil,
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": .array(encoder.preTokenizers.map(Self.json))],
      "post_processor": postProcessorJSON,
      "decoder": Self.byteLevelJSON(addsPrefixSpace: false, splits: true),
      "model": modelJSON,
    ]
    var config = JSON.Members()
    // Written only where it says the same as the post-processor, which it replaces.
    let (before, after) = (template.before, template.after)
    if before.isEmpty || before == [names.bos], after.isEmpty || after == [names.eos] {
      config["add_bos_token"] = .bool(!before.isEmpty)
      config["add_eos_token"] = .bool(!after.isEmpty)
    }
    config["bos_token"] = names.bos.map(text)
    config["chat_template"] = chatTemplate.map(JSON.string)
    config["clean_up_tokenization_spaces"] = false
    config["eos_token"] = names.eos.map(text)
    config["model_max_length"] = modelMaxLength.map(JSON.int)
    config["pad_token"] = names.pad.map(text)
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config["unk_token"] = names.unknown.map(text)
    return (tokenizer, .object(config))
  }

  private func text(of id: Int32) -> JSON {
    .string(String(decoding: vocabulary.texts[Int(id)], as: UTF8.self))
  }

  private static func json(_ token: AddedToken) -> JSON {
    [
      "id": .int(Int(token.id)),
      "content": .string(String(decoding: token.content, as: UTF8.self)),
      "single_word": .bool(token.isSingleWord),
      "lstrip": .bool(token.stripsLeft),
      "rstrip": .bool(token.stripsRight),
      "normalized": .bool(token.isNormalized),
      "special": .bool(token.isSpecial),
    ]
  }

  private static func json(_ step: PreTokenizer) -> JSON {
    switch step {
    case .split(let pattern, let behavior, let inverted):
      let source: JSON =
        switch pattern.source {
        case .expression(let text): ["Regex": .string(text)]
        case .literal(let text): ["String": .string(text)]
        }
      return [
        "type": "Split", "pattern": source, "behavior": .string(behavior.rawValue), "invert": .bool(inverted),
      ]
    case .digits(let individually): return ["type": "Digits", "individual_digits": .bool(individually)]
    case .byteLevel(let addsPrefixSpace, let pattern):
      return byteLevelJSON(addsPrefixSpace: addsPrefixSpace, splits: pattern != nil)
    }
  }

  private static func byteLevelJSON(addsPrefixSpace: Bool, splits: Bool) -> JSON {
    [
      "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true,
      "use_regex": .bool(splits),
    ]
  }

  private var postProcessorJSON: JSON {
    guard template != TokenTemplate() else { return nil }
    func piece(_ id: Int32) -> JSON { ["SpecialToken": ["id": text(of: id), "type_id": 0]] }
    func sequence(_ name: String, _ type: Int) -> JSON {
      ["Sequence": ["id": .string(name), "type_id": .int(type)]]
    }
    let single = template.before.map(piece) + [sequence("A", 0)] + template.after.map(piece)
    var tokens = JSON.Members()
    for id in template.before + template.after {
      let text = text(of: id)
      guard case .string(let key) = text else { continue }
      tokens[key] = ["id": text, "ids": [.int(Int(id))], "tokens": [text]]
    }
    return [
      "type": "TemplateProcessing", "single": .array(single), "pair": .array(single + [sequence("B", 1)]),
      "special_tokens": .object(tokens),
    ]
  }

  private var modelJSON: JSON {
    switch encoder.model {
    case .bytePairs(let model):
      let ids = vocabulary.isInModel.indices.filter { vocabulary.isInModel[$0] }
      let tokens = ids.map { id in
        (key: String(decoding: vocabulary.texts[id], as: UTF8.self), value: JSON.int(id))
      }
      return [
        "type": "BPE",
        "dropout": nil,
        "unk_token": model.unknownID.map(text) ?? nil,
        "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil,
        "fuse_unk": .bool(model.fusesUnknown),
        "byte_fallback": false,
        "ignore_merges": .bool(model.ignoresMerges),
        "vocab": .object(tokens),
        "merges": .array(model.merges.map { [text(of: $0.left), text(of: $0.right)] }),
      ]
    }
  }
}
