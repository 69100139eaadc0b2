import Kernels
import Testing
import Transformer

/// What a forward pass keeps for the way back.
@Suite struct KeptStreamsTests {
  @Test("Streams that may go to disk hold what streams in memory hold", arguments: [1, 3])
  func spilled(firstBlock: Int) throws {
    let goldens = try #require(FamilyGoldens.all.first { $0.name == "llama-tied" })
    let model = try Model(path: goldens.folder)
    let forest = TokenForest(try goldens.sequences().map(\.ids), chunkTokens: 24)
    let (rows, width) = (forest.tokens.count, model.configuration.hidden)
    func kept(inMemory limit: Int) throws -> [[Float]] {
      let context = ComputeContext(threads: 1, precision: .f32)
      let streams = try ForwardPass(model, context, forest).streams(
        fromBlock: firstBlock, inMemory: limit)
      #expect(
        streams.count * rows * width * 4
          == ForwardPass.keptBytes(tokens: rows, fromBlock: firstBlock, model))
      return try streams.map { stream in
        try stream.withRows { Array(UnsafeBufferPointer(start: $0, count: rows * width)) }
      }
    }
    #expect(try kept(inMemory: 0) == kept(inMemory: .max))
  }
}
