internal import Checkpoints
internal import Foundation
internal import Kernels
internal import Storage

extension Model {
  /// The edited model that `path` stands for beside `base`: a model as ``init(path:)`` opens it, or a folder with a LoRA
  /// adapter in PEFT's format, which makes one of `base`.
  ///
  /// The adapted matrices are W + s B A, rounded to the type of W as PEFT's `merge_and_unload` does, and in f32 where W is
  /// quantised; they are in memory, and all other tensors are the base's own.
  /// - Throws: where the adapter changes something else than matrices of the base's blocks, or as ``init(path:)`` does.
  package static func edited(_ path: String, of base: Model) throws -> Model {
    let found = try HubCache.resolve(path, environment: ProcessInfo.processInfo.environment)
    return PEFTAdapter.isAdapter(found)
      ? try base.adapted(by: PEFTAdapter(path: found)) : try Model(path: found)
  }

  private func adapted(by adapter: PEFTAdapter) throws -> Model {
    try changed(
      changes(of: adapter).map { change in
        (
          change.weight,
          { _, values in
            let (a, b) = try (
              adapter.tensors.floats(change.module.input), adapter.tensors.floats(change.module.output)
            )
            values.withUnsafeMutableBufferPointer { values in
              a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                  guard let weight = values.baseAddress, let a = a.baseAddress, let b = b.baseAddress else {
                    return
                  }
                  LowRankFactors(
                    input: a, output: b, rank: change.module.input.shape[0],
                    inputs: change.module.input.shape[1],
                    outputs: change.module.output.shape[0], scale: Float(change.module.scale)
                  ).add(to: weight, layout: layout(of: change.role))
                }
              }
            }
          }
        )
      }, by: adapter.path)
  }

  /// A matrix and what is added to it.
  private struct AdapterChange {
    let role: WeightRole
    let weight: TensorEntry
    let module: PEFTAdapter.Module
  }

  /// The matrices that the adapter's modules are of.
  private func changes(of adapter: PEFTAdapter) throws -> [AdapterChange] {
    var places: [String: (role: WeightRole, block: Int)] = [:]
    for role in blockRoles where role.isLinear {
      for block in 1...configuration.blocks where has(role, block: block) {
        if let name = moduleName(role, block: block) { places[name] = (role, block) }
      }
    }
    return try adapter.modules.map { module in
      guard let (role, block) = places[module.name] else {
        throw ModelError(
          adapter.path,
          "the adapter is of module \"\(module.name)\", which is no matrix of a block of \(path) (\(family.name)); is it of "
            + "another base? What changes embeddings or the output head must be merged with PEFT (merge_and_unload) first"
        )
      }
      if case .gguf = source, isRearranged(role) {
        throw ModelError(
          adapter.path,
          "the adapter is of module \"\(module.name)\", whose rows stand in another order in the GGUF file \(path); give "
            + "the base as the folder that the adapter was made for")
      }
      let shape = configuration.block(block).shape(of: role)
      guard module.output.shape[0] == shape[0], module.input.shape[1] == shape[1] else {
        throw ModelError(
          adapter.path,
          "the adapter of \"\(module.name)\" is for a matrix of \(module.output.shape[0]) × \(module.input.shape[1]), and that "
            + "of \(path) has \(shape[0]) × \(shape[1]); is it of another base?")
      }
      return AdapterChange(role: role, weight: try weight(role, block: block), module: module)
    }
  }

  /// Whether a GGUF file of the family has the rows of a role's matrix in another order than a checkpoint.
  private func isRearranged(_ role: WeightRole) -> Bool {
    family.gguf?.interleavedRoles.contains(role) == true
      || role == .queryKeyValue && family.gguf?.fusedOrder == .blocks
      || role.isOfDeltaNet && configuration.deltaNet.map { $0.keyHeads != $0.valueHeads } == true
  }
}
