internal import Foundation

/// The network of the built-in scorer: from the features of words to one logit.
///
/// With e(i) = (Σ rows of word i) / √(number of its rows), zero beyond the text's ends,
///
///     h(i) = ReLU(b + W₋₁ e(i−1) + W₀ e(i) + W₁ e(i+1)),    logit = u · maxᵢ h(i) + v · meanᵢ h(i) + c.
///
/// So a word is judged with its neighbours, and a text by its worst place and by its whole.
package struct NGramNetwork: Sendable {
  /// Length of a row of the table, and of e.
  package static var width: Int { 16 }
  /// Length of h.
  package static var channels: Int { 32 }
  /// Words that h sees.
  package static var window: Int { 3 }

  /// The table, `[rows, width]`.
  package var table: [Float]
  /// All other parameters, in the order of ``Head``.
  package var head: [Float]

  /// Where the parameters lie in `head`.
  package enum Head {
    /// W, `[window, width, channels]`.
    package static var weights: Range<Int> {
      0..<NGramNetwork.window * NGramNetwork.width * NGramNetwork.channels
    }
    /// The vector b, `[channels]`.
    package static var bias: Range<Int> { after(weights, NGramNetwork.channels) }
    /// The vector u, `[channels]`.
    package static var maximum: Range<Int> { after(bias, NGramNetwork.channels) }
    /// The vector v, `[channels]`.
    package static var mean: Range<Int> { after(maximum, NGramNetwork.channels) }
    /// The number c.
    package static var constant: Range<Int> { after(mean, 1) }
    /// How many parameters there are.
    package static var count: Int { constant.upperBound }

    private static func after(_ range: Range<Int>, _ count: Int) -> Range<Int> {
      range.upperBound..<range.upperBound + count
    }
  }

  /// A network of these parameters, whose counts must fit.
  package init(table: [Float], head: [Float]) {
    precondition(table.count % Self.width == 0 && head.count == Head.count)
    (self.table, self.head) = (table, head)
  }

  /// What is computed on the way to a logit, kept for the backward pass and to spare allocations.
  package struct Activations: Sendable {
    /// The vectors e of all words, with one of zeros before the first and after the last, `[words + 2, width]`.
    package internal(set) var words: [Float] = []
    /// The vectors h, `[words, channels]`.
    package internal(set) var hidden: [Float] = []
    /// Largest h in each channel, the first word that has it (−1 where all are 0), and the mean, `[channels]`.
    package internal(set) var maximum = [Float](repeating: 0, count: NGramNetwork.channels)
    package internal(set) var argument = [Int](repeating: -1, count: NGramNetwork.channels)
    package internal(set) var mean = [Float](repeating: 0, count: NGramNetwork.channels)

    /// Nothing computed yet.
    package init() {}
  }

  /// The logit of a text that has words.
  ///
  /// - Parameter dropped: words whose e is set to zero, in training.
  package func logit(
    _ features: NGramFeatures.Rows, dropping dropped: [Bool] = [], _ activations: inout Activations
  ) -> Float {
    let count = features.ends.count
    embed(features, dropped, into: &activations.words)
    activations.hidden.removeAll(keepingCapacity: true)
    activations.hidden.reserveCapacity(count * Self.channels)
    for channel in 0..<Self.channels {
      activations.maximum[channel] = 0
      activations.mean[channel] = 0
      activations.argument[channel] = -1
    }
    for word in 0..<count { addHidden(word, &activations) }
    var logit = head[Head.constant.lowerBound]
    for channel in 0..<Self.channels {
      activations.mean[channel] /= Float(count)
      logit += head[Head.maximum.lowerBound + channel] * activations.maximum[channel]
      logit += head[Head.mean.lowerBound + channel] * activations.mean[channel]
    }
    return logit
  }

  /// Fills `words` with e.
  private func embed(_ features: NGramFeatures.Rows, _ dropped: [Bool], into words: inout [Float]) {
    let count = features.ends.count
    words.removeAll(keepingCapacity: true)
    words.append(contentsOf: repeatElement(0, count: (count + 2) * Self.width))
    words.withUnsafeMutableBufferPointer { words in
      table.withUnsafeBufferPointer { table in
        var start = 0
        for word in 0..<count {
          let end = Int(features.ends[word])
          defer { start = end }
          if !dropped.isEmpty, dropped[word] { continue }
          let scale = 1 / Float(max(1, end - start)).squareRoot()
          let sum = UnsafeMutableBufferPointer(
            rebasing: words[(word + 1) * Self.width..<(word + 2) * Self.width])
          for feature in start..<end {
            let row = Int(features.rows[feature]) * Self.width
            for lane in 0..<Self.width { sum[lane] += table[row + lane] }
          }
          for lane in 0..<Self.width { sum[lane] *= scale }
        }
      }
    }
  }

  /// Appends h of a word and takes it into maximum and mean.
  private func addHidden(_ word: Int, _ activations: inout Activations) {
    activations.hidden.append(contentsOf: head[Head.bias])
    activations.hidden.withUnsafeMutableBufferPointer { hidden in
      let sum = UnsafeMutableBufferPointer(rebasing: hidden[(word * Self.channels)...])
      activations.words.withUnsafeBufferPointer { words in
        head.withUnsafeBufferPointer { head in
          for input in 0..<Self.window * Self.width {
            let value = words[word * Self.width + input]
            let weights = input * Self.channels
            for channel in 0..<Self.channels { sum[channel] += head[weights + channel] * value }
          }
        }
      }
      for channel in 0..<Self.channels {
        guard sum[channel] > 0 else {
          sum[channel] = 0
          continue
        }
        activations.mean[channel] += sum[channel]
        if sum[channel] > activations.maximum[channel] {
          activations.maximum[channel] = sum[channel]
          activations.argument[channel] = word
        }
      }
    }
  }
}
