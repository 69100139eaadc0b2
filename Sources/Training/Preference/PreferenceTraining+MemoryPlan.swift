internal import Checkpoints
package import Transformer

extension PreferenceTraining {
  /// What training holds for the weights of `model`, all of them trained: each in single precision, its gradient and what the
  /// optimiser keeps of that, and with pairs for validation the best so far.
  package static func memoryPlan(_ model: Model, validates: Bool) -> MemoryPlan {
    let weights = model.tensors.entries.reduce(0) { $0 + $1.elementCount }
    let copies = validates ? 4 : 3
    return MemoryPlan([.init("training of \(weights) weights in single precision", copies * 4 * weights)])
  }
}
