/// Prompts of one kind, whose continuations are measured by themselves beside those of all.
package struct PromptCategory: Sendable, Hashable {
  /// What people call it.
  package let name: String
  /// The file with its prompts, in the folder that a run is given.
  package let file: String

  /// Reads `{"name", "file"}`.
  init(_ field: SpecificationField) throws {
    let members = try field.members(among: ["name", "file"])
    guard let name = members["name"], let file = members["file"] else {
      throw field.error(expected: "an object with \"name\" and \"file\"")
    }
    (self.name, self.file) = (try name.text, try file.text)
    guard !self.name.isEmpty else { throw name.error(expected: "a name") }
    guard !self.file.isEmpty, !self.file.contains("/") else {
      throw file.error(expected: "the name of a file in the folder of --prompts")
    }
  }

  /// Reads a list of them, whose names differ.
  static func list(_ field: SpecificationField) throws -> [PromptCategory] {
    var names: Set<String> = []
    return try field.list.map { element in
      let category = try PromptCategory(element)
      guard names.insert(category.name).inserted else {
        throw element.error(expected: "another name than those before")
      }
      return category
    }
  }

  /// The key in records of what was measured of a category by a scorer.
  static func key(_ measure: String, _ category: String, scorer: String) -> String {
    "\(measure)/\(category):\(scorer)"
  }
}
