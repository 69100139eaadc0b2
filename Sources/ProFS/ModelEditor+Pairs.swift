public import Editing
public import PreferenceData

extension ModelEditor {
  /// Finds what to change so that the chosen side of each pair is preferred to its rejected one.
  ///
  /// Texts are taken as they stand, conversations in the model's chat format; ``StyleLevelling`` writes both sides in one way
  /// where they differ in style.
  ///
  /// - Parameters:
  ///   - pairs: of texts, of conversations, or of both.
  ///   - recipe: how; ``standardRecipe`` where it is `nil`.
  ///   - neutral: the text that the recipe leaves alone as far as it can; not used by the published recipes.
  /// - Throws: as ``fit(chosen:rejected:recipe:neutral:)``, and where there are conversations and the model has no chat template
  ///   that is recognised.
  public func fit(
    _ pairs: some Collection<PreferencePair>, recipe: EditRecipe? = nil, neutral: NeutralText = .builtin
  ) throws -> EditSubspace {
    let tokenizer = try PassageTokenizer(model)
    let recipe = recipe ?? standardRecipe
    func tokens(_ side: PreferenceSide) throws -> [[Int32]] {
      try pairs.enumerated().map { index, pair in
        do {
          return try tokenizer.encode(pair.passage(of: side), limit: recipe.maximumTokens)
        } catch {
          throw EditingError("pair \(index + 1)", "\(side.rawValue): \(error)")
        }
      }
    }
    return try fit(
      chosen: try tokens(.chosen), rejected: try tokens(.rejected), tokenizer.tokenizer, recipe, neutral)
  }
}
