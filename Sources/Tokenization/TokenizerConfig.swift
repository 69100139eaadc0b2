internal import Storage

/// The parts of a Hugging Face `tokenizer_config.json` that change ids.
struct TokenizerConfig {
  /// The whole file.
  let root: JSONValue

  /// The classes of transformers 5 that build their parts themselves, whatever `tokenizer.json` says.
  private enum TokenizerClass: String {
    case llama = "LlamaTokenizer"
    case bert = "BertTokenizer"
    case distilBert = "DistilBertTokenizer"
    case t5 = "T5Tokenizer"
  }

  private var tokenizerClass: TokenizerClass? {
    guard var name = root["tokenizer_class"]?.string else { return nil }
    if name.hasSuffix("Fast") { name.removeLast(4) }
    return TokenizerClass(rawValue: name)
  }

  /// Replaces the parts that the class named in `tokenizer_class` builds itself.
  func applyClass(to parts: inout TokenizerParts) {
    switch (tokenizerClass, parts.model) {
    case (.llama, .bytePairs) where !parts.isByteLevel:
      let prefixes = root["add_prefix_space"]?.bool ?? true
      let scheme: Metaspace.PrependScheme =
        prefixes ? root["legacy"]?.bool == true ? .always : .first : .never
      parts.normalizers = []
      parts.preTokenizers = [.metaspace(Metaspace(prependScheme: scheme, splits: false))]
      parts.decoder = TokenizerParts.sentencePieceDecoder(stripsSpace: prefixes)
      parts.model = .bytePairs(
        unknownID: nil, fusesUnknown: true, hasByteFallback: true, ignoresMerges: false)
    case (.bert, .wordPiece(_, _, let unknownID)), (.distilBert, .wordPiece(_, _, let unknownID)):
      parts = .bert(bertNormalizer, unknownID: unknownID)
    default: break
    }
  }

  /// BERT's normalizer with the settings of the file.
  var bertNormalizer: BertNormalizer {
    BertNormalizer(
      separatesChinese: root["tokenize_chinese_chars"]?.bool ?? true,
      stripsAccents: root["strip_accents"]?.bool, lowercases: root["do_lower_case"]?.bool ?? true)
  }

  /// The ids of the tokens with a role.
  ///
  /// Those that are not among the added tokens become special ones, as in transformers; a role given to text that is
  /// no token is dropped.
  func readNames(_ draft: DraftVocabulary, _ added: inout [AddedToken]) -> SpecialTokens {
    func id(_ role: String) -> Int32? {
      guard let content = root[role]?.utf8 ?? root[role]?["content"]?.utf8, !content.isEmpty,
        content.count <= AddedTokenMatcher.contentLimit
      else { return nil }
      if let index = added.firstIndex(where: { $0.content == content }) {
        added[index].isSpecial = true
        return added[index].id
      }
      guard let id = draft.id(of: content) else { return nil }
      added.append(AddedToken(id: id, content: content, isSpecial: true))
      return id
    }
    return SpecialTokens(
      bos: id("bos_token"), eos: id("eos_token"), pad: id("pad_token"), unknown: id("unk_token"),
      separator: id("sep_token"), classifier: id("cls_token"), mask: id("mask_token"))
  }

  /// What the class, or `add_bos_token` and `add_eos_token`, put around a text; nil if the post-processor decides.
  func readTemplate(
    _ names: SpecialTokens, _ draft: DraftVocabulary, hasPostProcessor: Bool
  ) -> TokenTemplate? {
    switch tokenizerClass {
    case .bert, .distilBert:
      return TokenTemplate(
        before: [names.classifier ?? draft.id(of: Array("[CLS]".utf8))].compactMap(\.self),
        after: [names.separator ?? draft.id(of: Array("[SEP]".utf8))].compactMap(\.self))
    case .t5: return TokenTemplate(after: [names.eos].compactMap(\.self))
    case .llama, nil: break
    }
    let addsBOS = root["add_bos_token"]
    let addsEOS = root["add_eos_token"]
    guard addsBOS != nil || addsEOS != nil || !hasPostProcessor else { return nil }
    return TokenTemplate(
      before: addsBOS?.bool == true ? [names.bos].compactMap(\.self) : [],
      after: addsEOS?.bool == true ? [names.eos].compactMap(\.self) : [])
  }
}
