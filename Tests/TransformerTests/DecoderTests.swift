import Kernels
import Testing
import Transformer

@Suite("Batched decoding")
struct DecoderTests {
  static let context = ComputeContext(threads: 2, precision: .f32, seed: 5)
  static let sampling = Sampling(temperature: 1.5, topK: 40)

  private func llama() throws -> (model: Model, sequences: [FamilyGoldens.Sequence]) {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "llama-tied" })
    return (try Model(path: goldens.folder), try goldens.sequences())
  }

  @Test(
    "each prompt of a batch continues as it does alone",
    arguments: FamilyGoldens.decoders.filter { !$0.dependsOnLength })
  func batchIsEachAlone(_ goldens: FamilyGoldens) throws {
    let decoder = Decoder(try Model(path: goldens.folder), Self.context)
    let prompts = try goldens.sequences().map(\.ids)
    let together = try decoder.generate(prompts, .init(maximumNewTokens: 8))
    for (prompt, continuation) in zip(prompts, together) {
      #expect(try decoder.generate([prompt], .init(maximumNewTokens: 8)) == [continuation])
    }
  }

  @Test("a stop token ends its text, is kept, and leaves the others alone")
  func stopTokens() throws {
    let (model, sequences) = try llama()
    let decoder = Decoder(model, Self.context)
    for stop in Set(sequences.flatMap(\.continuation)) {
      let found = try decoder.generate(sequences.map(\.ids), .init(maximumNewTokens: 8, stopTokens: [stop]))
      let expected = sequences.map { sequence in
        let end = sequence.continuation.firstIndex(of: stop).map { $0 + 1 } ?? sequence.continuation.count
        return Array(sequence.continuation[..<end])
      }
      #expect(found == expected, "stop token \(stop)")
    }
  }

  @Test("one seed gives one result, whatever shares the batch; another seed another")
  func seeds() throws {
    let (model, sequences) = try llama()
    let prompts = sequences.map(\.ids)
    let options = Decoder.Options(maximumNewTokens: 12, sampling: Self.sampling)
    let first = try Decoder(model, Self.context).generate(prompts, options)
    #expect(try Decoder(model, Self.context).generate(prompts, options) == first)
    #expect(try Decoder(model, Self.context).generate([prompts[0]], options) == [first[0]])
    let other = ComputeContext(threads: 2, precision: .f32, seed: 6)
    #expect(try Decoder(model, other).generate(prompts, options) != first)
  }

  @Test("equal prompts of a batch draw apart when sampled and agree when greedy")
  func equalPrompts() throws {
    let (model, sequences) = try llama()
    let prompts = Array(repeating: sequences[1].ids, count: 6)
    let decoder = Decoder(model, Self.context)
    #expect(Set(try decoder.generate(prompts, .init(maximumNewTokens: 8))).count == 1)
    #expect(
      Set(try decoder.generate(prompts, .init(maximumNewTokens: 8, sampling: Self.sampling))).count == 6)
  }

  @Test("seeds that stand side by side share no sample of a prompt; parts of the prompts draw as the whole")
  func neighbouringSeeds() throws {
    let (model, sequences) = try llama()
    let prompts = Array(repeating: sequences[1].ids, count: 6)
    var options = Decoder.Options(maximumNewTokens: 8, sampling: Self.sampling)
    let samples = try (0..<4).map { seed in
      let context = ComputeContext(threads: 2, precision: .f32, seed: UInt64(seed))
      return try Decoder(model, context).generate(prompts, options)
    }
    for (seed, next) in zip(samples, samples.dropFirst()) { #expect(next.dropLast() != seed.dropFirst()) }
    // Two of these short texts may be the same by chance.
    #expect(Set(samples.joined()).count > 4 * 6 - 4)
    options.promptsBefore = 2
    let context = ComputeContext(threads: 2, precision: .f32, seed: 3)
    #expect(try Decoder(model, context).generate(Array(prompts[2...]), options) == Array(samples[3][2...]))
  }

  @Test("more prompts than a batch holds come back in their order")
  func manyBatches() throws {
    let (model, sequences) = try llama()
    let prompts = (0..<600).map { sequences[$0 % sequences.count] }
    var calls: [Int] = []
    let found = try Decoder(model, Self.context).generate(
      prompts.map(\.ids), .init(maximumNewTokens: 2),
      progress: { completed, total in
        #expect(total == 1200)
        calls.append(completed)
      })
    #expect(found == prompts.map { Array($0.continuation.prefix(2)) })
    #expect(calls == calls.sorted() && calls.last == 1200)
  }

  @Test("a prompt and its continuation may fill the positions, and no more")
  func positions() throws {
    let (model, _) = try llama()
    let decoder = Decoder(model, Self.context)
    let prompt = [Int32](repeating: 40, count: 120)
    #expect(try decoder.generate([prompt], .init(maximumNewTokens: 8))[0].count == 8)
    let error = #expect(throws: ModelError.self) {
      try decoder.generate([[1], prompt], .init(maximumNewTokens: 9))
    }
    #expect(error?.reason.contains("prompt 2") ?? false)
    #expect(error?.reason.contains("129 tokens") ?? false)
  }

  @Test("nothing to do is done; what cannot be continued is named")
  func edges() throws {
    let (model, _) = try llama()
    let decoder = Decoder(model, Self.context)
    #expect(try decoder.generate([], .init(maximumNewTokens: 4)) == [])
    #expect(try decoder.generate([[5], [6, 7]], .init(maximumNewTokens: 0)) == [[], []])
    let empty = #expect(throws: ModelError.self) {
      try decoder.generate([[5], []], .init(maximumNewTokens: 1))
    }
    #expect(empty?.reason.contains("prompt 2") ?? false)
    for token: Int32 in [97, -1] {
      let outside = #expect(throws: ModelError.self) {
        try decoder.generate([[token]], .init(maximumNewTokens: 1))
      }
      #expect(outside?.reason.contains("token \(token) is outside the vocabulary of 97") ?? false)
    }
  }
}
