/// A template in the part of Jinja that chat templates are written in, read once and run often.
///
/// A template comes from whoever made the model, so it is run like any other input that is not trusted: it reaches nothing
/// but the values it is given, and a run ends with an error when its work has outgrown a limit.
struct JinjaTemplate: Sendable {
  /// Bytes that a template has at most; the longest of real ones have some 30 thousand.
  static let lengthLimit = 1 << 20

  private let statements: [JinjaStatement]

  /// - Throws: `JinjaError` where `text` is no template, or asks for what is not done here.
  init(_ text: String) throws(JinjaError) {
    guard text.utf8.count <= Self.lengthLimit else {
      throw JinjaError("it has more than \(Self.lengthLimit) bytes")
    }
    statements = try JinjaParser.statements(text)
  }

  /// The text that the template writes.
  ///
  /// - Parameters:
  ///   - values: What its names stand for.
  ///   - work: Steps that it may take; one is a part of an expression, or a few bytes of text.
  /// - Throws: `JinjaError` where the template refuses the values, does what has no meaning, or takes too many steps.
  func render(_ values: [String: JinjaValue], work: Int) throws(JinjaError) -> String {
    var run = JinjaRun(values, work: work)
    return try run.text(statements)
  }
}
