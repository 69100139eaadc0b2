internal import Storage

/// The studies that are part of the program: the paper's, as far as a model, pairs, prompts and a text suffice for them.
package enum ShippedStudies {
  /// Their names, in the order of the paper.
  package static var names: [String] {
    get throws { try all().members.map(\.key) }
  }

  /// The study called `name`; `nil` where there is none.
  package static func field(_ name: String) throws -> SpecificationField? {
    guard let value = try all()[name] else { return nil }
    return SpecificationField(JSON(value), source: "study \(name)")
  }

  private static func all() throws -> JSONValue {
    try JSONDocument(parsing: PackageResources.studies_json, source: "the program's own studies").root
  }
}
