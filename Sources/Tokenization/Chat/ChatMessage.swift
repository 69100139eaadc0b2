/// One turn of a conversation.
package struct ChatMessage: Sendable, Equatable {
  /// Who speaks.
  package enum Role: String, Sendable, CaseIterable {
    /// Says how the model is to behave; first or not at all.
    case system
    /// The person.
    case user
    /// The model.
    case assistant
  }

  /// Who speaks.
  package var role: Role
  /// What is said.
  package var content: String

  /// A turn.
  package init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}
