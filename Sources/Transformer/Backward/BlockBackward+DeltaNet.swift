internal import Kernels

extension BlockBackward {
  /// The gradient of what a gated delta net was given, and those of its weights.
  func deltaNet(
    _ record: BlockRecording.Record, _ own: BlockRecording.DeltaNetRecord, outputGradient: Rows,
    to inputGradient: Rows
  ) throws {
    guard let vectors = weights.deltaNet else {
      preconditionFailure("a block with a gated delta net has its vectors")
    }
    let (net, rows, block) = (vectors.net, record.rows, weights.block)
    let (gradient, stride) = (scratch.queryKeyValue, net.rowWidth)
    try linear(
      [.deltaOutput], own.operand, outputGradient, stride: configuration.hidden, to: scratch.attended)
    gradient.update(repeating: 0, count: rows * stride)
    let (convolved, answers) = (
      scratch.convolved, scratch.convolved + rows * (net.channels + 2 * net.valueHeads)
    )
    vectors.norm.gradient(
      context, own.answers, gates: own.projected + net.gateColumn, rows: rows,
      stride: stride, outputGradient: scratch.attended, to: answers,
      gateGradient: gradient + net.gateColumn, weightGradient: gradients.pointer(.deltaNorm, block: block))
    let gates = convolved + rows * net.channels
    net.ruleGradient(
      context, own.runs, GatedDeltaNet.Inputs(net, own.convolved, gates: own.gates), rows: rows,
      outputGradient: answers, stride: net.valueWidth,
      to: GatedDeltaNet.InputGradients(net, convolved, gates: gates))
    vectors.gates.gradient(
      own.projected + net.rateColumn, rows: rows, stride: stride, gates: own.gates, gateGradient: gates,
      to: gradient + net.rateColumn, rateGradient: gradients.pointer(.deltaDecay, block: block),
      timeGradient: gradients.pointer(.deltaTimeBias, block: block))
    throughLengths(vectors, own, to: convolved, rows)
    vectors.convolution.addGradient(
      context, own.runs, own.projected, stride: stride, outputGradient: convolved, to: gradient,
      weightGradient: gradients.pointer(.deltaConvolution, block: block))
    for run in own.runs where run.isPadding {
      (gradient + run.rows.lowerBound * stride).update(repeating: 0, count: run.rows.count * stride)
    }
    try linear(BlockWeights.deltaGroup, record.attentionInput, gradient, stride: stride, to: inputGradient)
  }

  /// Takes the gradients of queries and keys back through their norm, whose input is computed once more.
  private func throughLengths(
    _ vectors: DeltaNetVectors, _ own: BlockRecording.DeltaNetRecord, to gradient: Rows, _ rows: Int
  ) {
    let (net, lengths) = (vectors.net, vectors.net.lengthNorm)
    var again = [Float](repeating: 0, count: rows * net.channels)
    again.withUnsafeMutableBufferPointer { again in
      guard let again = again.baseAddress else { return }
      vectors.convolution.apply(context, own.runs, own.projected, stride: net.rowWidth, to: again)
      for (start, weight) in [(0, lengths.queries), (net.keyWidth, lengths.keys)] {
        rmsNormGradient(
          context, again + start, outputGradient: gradient + start, rows: rows, width: net.keyDimension,
          stride: net.channels, heads: net.keyHeads, headStep: net.keyDimension, weight: weight,
          epsilon: lengths.epsilon, to: gradient + start, accumulate: false, weightGradient: nil)
      }
    }
  }
}
