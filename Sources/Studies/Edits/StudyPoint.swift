package import Editing
internal import Evaluation
internal import Kernels
internal import Storage

/// Settings with the subset of the pairs that they are tried on.
package struct StudyPoint: Sendable, Hashable {
  /// What is done, every number filled in.
  package let settings: EditSettings
  /// Which subset, from 0.
  package let subset: Int

  /// - Parameter subset: which subset, from 0.
  package init(_ settings: EditSettings, subset: Int) {
    (self.settings, self.subset) = (settings, subset)
  }

  /// All of it, for records.
  var json: JSON { ["settings": settings.json, "subset": .int(subset)] }

  /// The pairs of a point, and those that are kept from it.
  ///
  /// Each subset has an order of its own, drawn from the seed; a point takes the first of it, so of two sizes the smaller
  /// is part of the larger. What is exchanged is drawn from those that are taken, a larger share holding the smaller. What is kept
  /// for validation are the last of the order, as many as are left.
  package func sample(of total: Int, seed: UInt64) -> (used: PairSample, kept: [Int]) {
    var generator = SplitMix64(seed: seed.stream(subset + 1))
    let order = (0..<total).shuffled(using: &generator)
    let used = Array(order.prefix(settings.pairs ?? total))
    let flipped = used.shuffled(using: &generator)
      .prefix(Int((settings.flipped * Double(used.count)).rounded()))
    let kept = min(settings.validation, total - used.count)
    return (PairSample(pairs: used, flipped: Set(flipped)), Array(order.suffix(kept)))
  }
}
