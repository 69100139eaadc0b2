internal import ArgumentParser

/// What the options of sampling may be.
enum SamplingBounds {
  /// Throws a usage error for a temperature that is no number from 0, or a probability that is none above 0.
  static func validate(temperature: Double?, topP: Double?) throws {
    if let temperature, !(0..<Double.infinity).contains(temperature) {
      throw ValidationError("--temperature must be a number, and not negative.")
    }
    if let topP, !(topP > 0 && topP <= 1) {
      throw ValidationError("--top-p must be above 0 and at most 1.")
    }
  }
}
