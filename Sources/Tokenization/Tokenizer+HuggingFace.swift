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
      "normalizer": Self.sequence("normalizers", encoder.normalizers.map(\.huggingFaceJSON)),
      "pre_tokenizer": Self.sequence("pretokenizers", encoder.preTokenizers.map(\.huggingFaceJSON)),
      "post_processor": postProcessorJSON,
      "decoder": decoder.huggingFaceJSON,
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
    config["cls_token"] = names.classifier.map(text)
    config["chat_template"] = chatTemplate.map(JSON.string)
    config["clean_up_tokenization_spaces"] = false
    config["eos_token"] = names.eos.map(text)
    config["mask_token"] = names.mask.map(text)
    config["model_max_length"] = modelMaxLength.map(JSON.int)
    config["pad_token"] = names.pad.map(text)
    config["sep_token"] = names.separator.map(text)
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

  /// A sequence of steps; null for none.
  private static func sequence(_ key: String, _ steps: [JSON]) -> JSON {
    steps.isEmpty ? nil : .object([(key: "type", value: "Sequence"), (key: key, value: .array(steps))])
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
    func tokens() -> JSON {
      .object(
        vocabulary.isInModel.indices.filter { vocabulary.isInModel[$0] }.map { id in
          (key: String(decoding: vocabulary.texts[id], as: UTF8.self), value: JSON.int(id))
        })
    }
    switch encoder.model {
    case .bytePairs(let model):
      return [
        "type": "BPE",
        "dropout": nil,
        "unk_token": model.unknownID.map(text) ?? nil,
        "continuing_subword_prefix": nil,
        "end_of_word_suffix": nil,
        "fuse_unk": .bool(model.fusesUnknown),
        "byte_fallback": .bool(model.hasByteFallback),
        "ignore_merges": .bool(model.ignoresMerges),
        "vocab": tokens(),
        "merges": .array(model.merges.map { [text(of: $0.left), text(of: $0.right)] }),
      ]
    case .unigram(let model):
      let vocab = model.scores.indices.map { id -> JSON in [text(of: Int32(id)), .double(model.scores[id])] }
      return [
        "type": "Unigram",
        "unk_id": model.unknownID.map { .int(Int($0)) } ?? nil,
        "vocab": .array(vocab),
        "byte_fallback": .bool(model.hasByteFallback),
      ]
    case .wordPiece(let model):
      return [
        "type": "WordPiece",
        "unk_token": text(of: model.unknownID),
        "continuing_subword_prefix": .string(String(decoding: model.prefix, as: UTF8.self)),
        "max_input_chars_per_word": .int(model.characterLimit),
        "vocab": tokens(),
      ]
    }
  }
}
