internal import Evaluation
internal import Foundation
internal import Kernels

/// Fits the network to labelled texts: cross-entropy against soft labels, by Adam on small batches.
///
/// One thread, and no order that depends on anything but the seed: the same texts give the same weights.
struct NetworkTraining {
  /// What can be chosen.
  struct Settings {
    /// Binary logarithm of the table's rows.
    var bits = 16
    /// Passes over all texts.
    var epochs = 3
    /// Texts of one step.
    var batch = 32
    /// Falls linearly to zero.
    var learningRate: Float = 0.005
    /// Probability that a word is left out.
    var dropout: Float = 0.15
    /// Words of a text beyond these are left out.
    var wordLimit = 256
    var seed: UInt64 = 1
  }

  private struct Example {
    var features: NGramFeatures.Rows
    var label: Float
    var weight: Float
  }

  private static let width = NGramNetwork.width
  private static let channels = NGramNetwork.channels

  private let settings: Settings
  private let examples: [Example]
  private var network: NGramNetwork
  private var generator: SplitMix64
  private var activations = NGramNetwork.Activations()

  private var tableOptimizer: Adam
  private var headOptimizer: Adam
  /// Rows that the batch has used, each once, and whether a row is among them.
  private var usedRows: [Int] = []
  private var isUsed: [Bool]
  /// W with the last two dimensions exchanged, `[window, channels, width]`, for the way back.
  private var transposed = [Float](
    repeating: 0, count: NGramNetwork.window * NGramNetwork.channels * NGramNetwork.width)
  private var wordGradients: [Float] = []
  private var hiddenGradient = [Float](repeating: 0, count: NGramNetwork.channels)

  /// Draws the first weights; texts without words are left out.
  init(_ texts: [LabelledText], _ settings: Settings) {
    self.settings = settings
    let features = NGramFeatures(bits: settings.bits)
    examples = texts.compactMap { text in
      var rows = NGramFeatures.Rows()
      features.rows(of: ScoredWords(text.text), limit: settings.wordLimit, into: &rows)
      return rows.ends.isEmpty ? nil : Example(features: rows, label: text.label, weight: text.weight)
    }
    generator = SplitMix64(seed: settings.seed)
    let rows = 1 << settings.bits
    var network = NGramNetwork(
      table: [Float](repeating: 0, count: rows * Self.width),
      head: [Float](repeating: 0, count: NGramNetwork.Head.count))
    for index in network.table.indices { network.table[index] = 0.1 * Float(generator.nextNormal()) }
    for index in NGramNetwork.Head.weights { network.head[index] = 0.15 * Float(generator.nextNormal()) }
    for index in NGramNetwork.Head.maximum { network.head[index] = 0.2 * Float(generator.nextNormal()) }
    for index in NGramNetwork.Head.mean { network.head[index] = 0.2 * Float(generator.nextNormal()) }
    self.network = network
    tableOptimizer = Adam(count: network.table.count)
    headOptimizer = Adam(count: network.head.count)
    isUsed = [Bool](repeating: false, count: rows)
  }

  /// The network after all epochs, and the mean loss of each.
  mutating func run(progress: (_ epoch: Int, _ loss: Double) -> Void) -> NGramNetwork {
    var order = Array(examples.indices)
    let batches = order.count / settings.batch
    var step = 0
    for epoch in 0..<settings.epochs {
      for last in stride(from: order.count - 1, to: 0, by: -1) {
        order.swapAt(last, generator.index(last + 1))
      }
      var loss = 0.0
      for batch in 0..<batches {
        transposeWeights()
        for position in batch * settings.batch..<(batch + 1) * settings.batch {
          loss += backward(examples[order[position]])
        }
        step += 1
        update(step, settings.learningRate * (1 - Float(step) / Float(settings.epochs * batches + 1)))
      }
      progress(epoch + 1, loss / Double(batches * settings.batch))
    }
    return network
  }

  /// Adds the gradients of one example's loss to those of the batch; the loss.
  private mutating func backward(_ example: Example) -> Double {
    let count = example.features.ends.count
    let dropped = (0..<count).map { _ in Float(generator.nextUnit()) < settings.dropout }
    let logit = network.logit(example.features, dropping: dropped, &activations)
    let probability = 1 / (1 + expf(-logit))
    // Cross-entropy with the logistic function, in a form that cannot overflow.
    let loss = max(logit, 0) - logit * example.label + log1pf(expf(-abs(logit)))
    let gradient = (probability - example.label) * example.weight / Float(settings.batch)
    let (maximum, mean) = (NGramNetwork.Head.maximum.lowerBound, NGramNetwork.Head.mean.lowerBound)
    headOptimizer.gradient[NGramNetwork.Head.constant.lowerBound] += gradient
    for channel in 0..<Self.channels {
      headOptimizer.gradient[maximum + channel] += gradient * activations.maximum[channel]
      headOptimizer.gradient[mean + channel] += gradient * activations.mean[channel]
    }
    wordGradients.removeAll(keepingCapacity: true)
    wordGradients.append(contentsOf: repeatElement(0, count: (count + 2) * Self.width))
    for word in 0..<count { backward(throughHiddenOf: word, of: count, gradient) }
    var start = 0
    for word in 0..<count {
      let end = Int(example.features.ends[word])
      if !dropped[word] { backward(throughRows: example.features.rows[start..<end], of: word) }
      start = end
    }
    return Double(example.weight * loss)
  }

  /// From the logit's gradient to those of W, b, and e of a word and its neighbours.
  private mutating func backward(throughHiddenOf word: Int, of count: Int, _ gradient: Float) {
    let (maximum, mean) = (NGramNetwork.Head.maximum.lowerBound, NGramNetwork.Head.mean.lowerBound)
    for channel in 0..<Self.channels {
      guard activations.hidden[word * Self.channels + channel] > 0 else {
        hiddenGradient[channel] = 0
        continue
      }
      var share = network.head[mean + channel] / Float(count)
      if activations.argument[channel] == word { share += network.head[maximum + channel] }
      hiddenGradient[channel] = gradient * share
      headOptimizer.gradient[NGramNetwork.Head.bias.lowerBound + channel] += hiddenGradient[channel]
    }
    hiddenGradient.withUnsafeBufferPointer { hidden in
      headOptimizer.gradient.withUnsafeMutableBufferPointer { head in
        activations.words.withUnsafeBufferPointer { words in
          for input in 0..<NGramNetwork.window * Self.width {
            let value = words[word * Self.width + input]
            for channel in 0..<Self.channels {
              head[input * Self.channels + channel] += hidden[channel] * value
            }
          }
        }
      }
      wordGradients.withUnsafeMutableBufferPointer { words in
        transposed.withUnsafeBufferPointer { transposed in
          for place in 0..<NGramNetwork.window {
            let target = (word + place) * Self.width
            for channel in 0..<Self.channels where hidden[channel] != 0 {
              let weights = (place * Self.channels + channel) * Self.width
              for lane in 0..<Self.width {
                words[target + lane] += transposed[weights + lane] * hidden[channel]
              }
            }
          }
        }
      }
    }
  }

  /// From the gradient of e of a word to those of its rows.
  private mutating func backward(throughRows rows: ArraySlice<Int32>, of word: Int) {
    let scale = 1 / Float(max(1, rows.count)).squareRoot()
    wordGradients.withUnsafeBufferPointer { words in
      tableOptimizer.gradient.withUnsafeMutableBufferPointer { table in
        for row in rows {
          let row = Int(row)
          if !isUsed[row] {
            isUsed[row] = true
            usedRows.append(row)
          }
          for lane in 0..<Self.width {
            table[row * Self.width + lane] += words[(word + 1) * Self.width + lane] * scale
          }
        }
      }
    }
  }

  private mutating func transposeWeights() {
    for place in 0..<NGramNetwork.window {
      for lane in 0..<Self.width {
        for channel in 0..<Self.channels {
          transposed[(place * Self.channels + channel) * Self.width + lane] =
            network.head[(place * Self.width + lane) * Self.channels + channel]
        }
      }
    }
  }

  private mutating func update(_ step: Int, _ learningRate: Float) {
    for row in usedRows {
      tableOptimizer.update(
        &network.table, row * Self.width..<(row + 1) * Self.width, step: step, learningRate: learningRate)
      isUsed[row] = false
    }
    usedRows.removeAll(keepingCapacity: true)
    headOptimizer.update(&network.head, network.head.indices, step: step, learningRate: learningRate)
  }
}

/// Adam (Kingma and Ba 2015) with bias correction; rows that a batch does not use are left alone.
private struct Adam {
  var gradient: [Float]
  private var first: [Float]
  private var second: [Float]

  init(count: Int) {
    gradient = [Float](repeating: 0, count: count)
    first = gradient
    second = gradient
  }

  /// Moves `range` of `parameters` and clears its gradient.
  mutating func update(_ parameters: inout [Float], _ range: Range<Int>, step: Int, learningRate: Float) {
    let (decay1, decay2): (Float, Float) = (0.9, 0.999)
    let rate = learningRate / (1 - powf(decay1, Float(step)))
    let correction = 1 / (1 - powf(decay2, Float(step)))
    for index in range {
      first[index] = decay1 * first[index] + (1 - decay1) * gradient[index]
      second[index] = decay2 * second[index] + (1 - decay2) * gradient[index] * gradient[index]
      parameters[index] -= rate * first[index] / ((second[index] * correction).squareRoot() + 1e-6)
      gradient[index] = 0
    }
  }
}
