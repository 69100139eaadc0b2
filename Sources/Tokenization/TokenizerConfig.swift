internal import Storage

/// The parts of a Hugging Face `tokenizer_config.json` that change ids.
struct TokenizerConfig {
  /// The whole file.
  let root: JSONValue

  /// The ids of the tokens with a role.
  ///
  /// Those that are not among the added tokens become special ones, as in
  /// transformers; a role given to text that is no token is dropped.
  func readNames(_ pairs: BytePairVocabulary, _ added: inout [AddedToken]) -> SpecialTokens {
    func id(_ role: String) -> Int32? {
      guard let content = root[role]?.utf8 ?? root[role]?["content"]?.utf8, !content.isEmpty,
        content.count <= AddedTokenMatcher.contentLimit
      else { return nil }
      if let index = added.firstIndex(where: { $0.content == content }) {
        added[index].isSpecial = true
        return added[index].id
      }
      guard let id = pairs.id(of: content) else { return nil }
      added.append(AddedToken(id: id, content: content, isSpecial: true))
      return id
    }
    let names = SpecialTokens(
      bos: id("bos_token"), eos: id("eos_token"), pad: id("pad_token"), unknown: id("unk_token"))
    for role in ["sep_token", "cls_token", "mask_token"] { _ = id(role) }
    return names
  }

  /// What `add_bos_token` and `add_eos_token` put around a text; nil if the post-processor decides.
  func readTemplate(_ names: SpecialTokens, hasPostProcessor: Bool) -> TokenTemplate? {
    let addsBOS = root["add_bos_token"]
    let addsEOS = root["add_eos_token"]
    guard addsBOS != nil || addsEOS != nil || !hasPostProcessor else { return nil }
    return TokenTemplate(
      before: addsBOS?.bool == true ? [names.bos].compactMap(\.self) : [],
      after: addsEOS?.bool == true ? [names.eos].compactMap(\.self) : [])
  }
}
