internal import Kernels

/// What a block's gated delta net is made of beside its matrices.
struct DeltaNetVectors {
  /// Its shape.
  let net: GatedDeltaNet
  /// Its convolution.
  let convolution: CausalConvolution
  /// How its heads forget and take in.
  let gates: DeltaGates
  /// The norm of its answers.
  let norm: GatedNorm

  /// Those of the block that is loaded in `weights`.
  init?(_ weights: BlockWeights) {
    let configuration = weights.model.configuration
    guard let net = configuration.deltaNet, let taps = weights.vector(.deltaConvolution),
      let rates = weights.vector(.deltaDecay), let times = weights.vector(.deltaTimeBias),
      let norm = weights.vector(.deltaNorm)
    else { return nil }
    self.net = net
    convolution = CausalConvolution(net, weight: taps, activation: configuration.activation)
    gates = DeltaGates(rates: rates, times: times, learnsRates: weights.model.storesRates)
    self.norm = GatedNorm(heads: net.valueHeads, weight: norm, epsilon: configuration.normEpsilon)
  }
}

extension GatedDeltaNet {
  /// Where in a row of what the matrices make the gates of the answers begin: behind queries, keys and values.
  var gateColumn: Int { channels }
  /// Where what becomes of the heads' gates begins.
  var rateColumn: Int { channels + valueWidth }
  /// Elements from one such row to the next.
  var rowWidth: Int { rateColumn + 2 * valueHeads }

  /// What lengths of one mean as a root-mean-square norm of a head of queries and of keys: a weight for each, and ε.
  ///
  /// Queries are divided by the root of their width besides.
  var lengthNorm: (queries: [Float], keys: [Float], epsilon: Float) {
    let width = Float(keyDimension)
    return (
      Array(repeating: 1 / width, count: keyDimension),
      Array(repeating: 1 / width.squareRoot(), count: keyDimension), 1e-6 / width
    )
  }
}
