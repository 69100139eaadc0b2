extension Model {
  /// The name that transformers gives the module of a role's weight, whatever these files call it; blocks counted from 1.
  ///
  /// `nil` where the family has no such role.
  package func moduleName(_ role: WeightRole, block: Int? = nil) -> String? {
    guard let pattern = family.tensorNames[role] else { return nil }
    var name = Self.expand(pattern, block: block, part: .weight)
    // A text model within a larger one, by whichever of the names that its checkpoints have had.
    if tensorName(role, block: block)?.contains("language_model.") == true, name.hasPrefix(family.prefix) {
      name = "model.language_model." + name.dropFirst(family.prefix.count)
    }
    return name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
  }
}
