internal import Kernels

extension BlockPass {
  /// Mixes a chunk's tokens with the block's gated delta net; `finish` gets what its last matrix is to be given.
  func deltaNet(
    _ normed: UnsafeRawPointer, _ rows: Int, _ outputs: [Int]?, _ base: UnsafeMutableRawPointer,
    _ runs: [RecurrentRun], _ finish: (_ operand: UnsafeRawPointer) throws -> Void
  ) throws {
    guard let vectors = weights.deltaNet, let layout = scratch.layout.deltaNet else {
      preconditionFailure("a block with a gated delta net has its vectors")
    }
    let net = vectors.net
    let projected = (base + layout.projected).assumingMemoryBound(to: Float.self)
    let convolved = (base + layout.convolved).assumingMemoryBound(to: Float.self)
    let gates = (base + layout.gates).assumingMemoryBound(to: Float.self)
    let answers = (base + layout.answers).assumingMemoryBound(to: Float.self)
    try project(BlockWeights.deltaGroup, of: weights, normed, rows, into: projected, net.rowWidth)
    for run in runs where run.isPadding {
      (projected + run.rows.lowerBound * net.rowWidth).update(
        repeating: 0, count: run.rows.count * net.rowWidth)
    }
    vectors.convolution.apply(context, runs, projected, stride: net.rowWidth, to: convolved)
    let lengths = net.lengthNorm
    for (start, weight) in [(0, lengths.queries), (net.keyWidth, lengths.keys)] {
      rmsNormHeads(
        context, convolved + start, rows: rows, stride: net.channels, heads: net.keyHeads,
        headStep: net.keyDimension, width: net.keyDimension, weight: weight, epsilon: lengths.epsilon)
    }
    vectors.gates.apply(context, projected + net.rateColumn, rows: rows, stride: net.rowWidth, to: gates)
    net.applyRule(
      context, runs, GatedDeltaNet.Inputs(net, convolved, gates: gates), to: answers,
      stride: net.valueWidth)
    let operand = base + layout.operand
    vectors.norm.apply(
      context, answers, gates: projected + net.gateColumn, rows: rows,
      stride: net.rowWidth, to: operand, context.precision)
    if let outputs {
      bring(outputs, of: operand, rowBytes: net.valueWidth * context.precision.elementBytes)
    }
    try finish(operand)
  }
}
