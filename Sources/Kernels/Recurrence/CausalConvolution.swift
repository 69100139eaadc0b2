/// The convolution of a gated delta net: each channel of a token is the weighted sum of its own and the few values before it in its
/// text, through an activation.
package struct CausalConvolution {
  private let net: GatedDeltaNet
  private let activation: Activation
  /// `[taps, channels]`, the oldest token's first.
  private let weight: [Float]

  /// - Parameter weight: `[channels, taps]`, as checkpoints store it.
  package init(_ net: GatedDeltaNet, weight: [Float], activation: Activation = .silu) {
    precondition(weight.count == net.channels * net.taps, "a weight for each channel and tap")
    (self.net, self.activation) = (net, activation)
    self.weight = (0..<net.taps).flatMap { tap in
      (0..<net.channels).map { weight[$0 * net.taps + tap] }
    }
  }

  /// One of the values that a token's convolution sees.
  private enum Source {
    case row(Int)
    /// A row of what was carried over to the run of this number.
    case carried(run: Int, row: Int)
    case none
  }

  /// The token `distance` before the first of a run.
  private func source(before run: Int, _ distance: Int, _ runs: [RecurrentRun]) -> Source {
    var (run, distance) = (run, distance)
    while let parent = runs[run].parent {
      let rows = runs[parent].rows
      if distance <= rows.count { return .row(rows.upperBound - distance) }
      distance -= rows.count
      run = parent
    }
    guard unsafe runs[run].initial != nil, distance < net.taps else { return .none }
    return .carried(run: run, row: net.taps - 1 - distance)
  }

  /// What the convolution of each row sees, oldest first.
  private func sources(_ runs: [RecurrentRun]) -> [(row: Int, sources: [Source])] {
    runs.indices.flatMap { run in
      runs[run].rows.map { row in
        let offset = row - runs[run].rows.lowerBound
        return (
          row,
          (0..<net.taps).map { tap in
            let distance = net.taps - 1 - tap
            return distance <= offset
              ? .row(row - distance) : source(before: run, distance - offset, runs)
          }
        )
      }
    }
  }

  private func address(
    _ source: Source, _ runs: [RecurrentRun], _ rows: UnsafePointer<Float>, _ stride: Int
  ) -> UnsafePointer<Float>? {
    switch source {
    case .row(let row): unsafe rows + row * stride
    case .carried(let run, let row): unsafe runs[run].initial.map { unsafe $0 + row * net.channels }
    case .none: nil
    }
  }

  /// Writes the convolved rows, and where each run's last inputs go, those.
  ///
  /// - Parameters:
  ///   - inputs: the first row's channels; rows `stride` elements apart.
  ///   - outputs: `[rows, channels]`.
  package func apply(
    _ context: ComputeContext, _ runs: [RecurrentRun], _ inputs: UnsafePointer<Float>, stride: Int,
    to outputs: UnsafeMutablePointer<Float>
  ) {
    let all = sources(runs)
    unsafe forEachRow(context, all, runs, inputs, stride) { row, taps in
      let output = unsafe outputs + row * net.channels
      unsafe sum(taps, 0..<net.channels, to: output)
      unsafe activation.apply(output, times: nil, net.channels, to: output)
    }
    for (index, run) in runs.enumerated() where unsafe !run.finals.isEmpty {
      unsafe keepTail(index, runs, inputs, stride)
    }
  }

  /// Writes the last inputs of a run to where they are wanted, which may be where some of them are.
  private func keepTail(
    _ index: Int, _ runs: [RecurrentRun], _ inputs: UnsafePointer<Float>, _ stride: Int
  ) {
    let run = runs[index]
    let isCarriedOver = unsafe run.initial != nil
    precondition(
      !isCarriedOver || runs.allSatisfy { $0.parent != index }, "what is carried over may be overwritten")
    let channels = net.channels
    let count = net.tailCount
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: max(1, count)) { memory in
      guard let tail = memory.baseAddress else { return }
      for place in 0..<net.taps - 1 {
        let distance = net.taps - 1 - place
        let source: Source =
          distance <= run.rows.count
          ? .row(run.rows.upperBound - distance)
          : source(before: index, distance - run.rows.count, runs)
        let target = unsafe tail + place * channels
        if let from = unsafe address(source, runs, inputs, stride) {
          unsafe target.update(from: from, count: channels)
        } else {
          unsafe target.update(repeating: 0, count: channels)
        }
      }
      unsafe run.finals.forEach { unsafe $0.update(from: tail, count: count) }
    }
  }

  private func forEachRow(
    _ context: ComputeContext, _ all: [(row: Int, sources: [Source])], _ runs: [RecurrentRun],
    _ inputs: UnsafePointer<Float>, _ stride: Int,
    _ body: (_ row: Int, _ taps: [UnsafePointer<Float>?]) -> Void
  ) {
    context.parallelRanges(all.count, grain: 8) { range in
      for (row, sources) in all[range] {
        unsafe body(row, sources.map { unsafe address($0, runs, inputs, stride) })
      }
    }
  }

  /// The weighted sums of some channels.
  @inline(__always)
  private func sum(
    _ taps: [UnsafePointer<Float>?], _ channels: Range<Int>, to output: UnsafeMutablePointer<Float>
  ) {
    unsafe output.update(repeating: 0, count: channels.count)
    unsafe weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      for tap in unsafe taps.indices {
        guard let source = unsafe taps[tap] else { continue }
        let (factors, values) = unsafe (
          weight + tap * net.channels + channels.lowerBound, source + channels.lowerBound
        )
        for i in 0..<channels.count { unsafe output[i] += factors[i] * values[i] }
      }
    }
  }

  /// Gradient of ``apply(_:_:_:stride:to:)`` for runs to which nothing was carried over.
  ///
  /// - Parameters:
  ///   - outputGradient: `[rows, channels]`.
  ///   - inputGradient: laid out as `inputs`; is added to.
  ///   - weightGradient: `[channels, taps]`, is added to; `nil` where nobody wants it.
  package func addGradient(
    _ context: ComputeContext, _ runs: [RecurrentRun], _ inputs: UnsafePointer<Float>, stride: Int,
    outputGradient: UnsafePointer<Float>, to inputGradient: UnsafeMutablePointer<Float>,
    weightGradient: UnsafeMutablePointer<Float>?
  ) {
    let all = sources(runs)
    // A row's gradient goes to several rows: threads share the channels, not the rows.
    context.parallelRanges(net.channels, grain: 64) { channels in
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: channels.count) { memory in
        guard let sums = memory.baseAddress else { return }
        for (row, sources) in all {
          let taps = unsafe sources.map { unsafe address($0, runs, inputs, stride) }
          unsafe sum(taps, channels, to: sums)
          let gradient = unsafe outputGradient + row * net.channels + channels.lowerBound
          unsafe activation.apply(sums, up: nil, channels.count, gradient)
          for (tap, source) in sources.enumerated() {
            guard case .row(let from) = source else { continue }
            let at = from * stride + channels.lowerBound
            unsafe addGradient(
              sums, tap, channels, inputs + at, to: inputGradient + at, weightGradient: weightGradient)
          }
        }
      }
    }
  }

  @inline(__always)
  private func addGradient(
    _ sums: UnsafePointer<Float>, _ tap: Int, _ channels: Range<Int>, _ values: UnsafePointer<Float>,
    to gradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?
  ) {
    unsafe weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      let factors = unsafe weight + tap * net.channels + channels.lowerBound
      for i in 0..<channels.count { unsafe gradient[i] += factors[i] * sums[i] }
    }
    guard let weightGradient = unsafe weightGradient else { return }
    for i in 0..<channels.count {
      unsafe weightGradient[(channels.lowerBound + i) * net.taps + tap] += sums[i] * values[i]
    }
  }
}
