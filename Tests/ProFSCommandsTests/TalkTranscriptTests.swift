import Foundation
import Storage
import Testing

/// `profs chat` with lines from a file.
@Suite struct TalkTranscriptTests {
  private static func talk(_ arguments: [String], _ lines: String, in folder: TemporaryFolder) throws
    -> Transcript
  {
    try folder.write(lines, "lines.txt")
    let process = try Transcript.launch(
      ["chat"] + arguments, in: folder, input: FileHandle(forReadingFrom: folder.url("lines.txt")))
    process.waitUntilExit()
    return try Transcript(process, folder)
  }

  @Test("both models answer each line, each in a conversation of its own, which /reset forgets")
  func turns() throws {
    let folder = try TemporaryFolder()
    let model = Fixture.model("llama-tied")
    let arguments = [model, model, "--max-new-tokens", "4", "--chat-format", "chatml"]
    let run = try Self.talk(arguments + ["--json"], "Hi\n\nHi\nHi\n/reset\nHi\n/quit\nnever\n", in: folder)
    #expect(run.status == 0, "\(run.errors)")
    // The model has 128 positions, and a letter takes one.
    #expect(run.errors.contains("128 positions") && run.errors.contains("forgotten"))
    let turns = try #require(try run.json()["turns"]?.elements)
    #expect(turns.map { $0["user"]?.string } == Array(repeating: "Hi", count: 4))
    let ids = turns.map { turn in
      (turn["answers"]?.elements ?? []).map { $0["ids"]?.elements.map { $0.int ?? -1 } ?? [] }
    }
    #expect(ids.allSatisfy { $0.count == 2 && $0[0] == $0[1] && !$0[0].isEmpty })
    // What was said before is part of what is answered, until it is forgotten.
    #expect(ids[0] != ids[1] && ids[0] == ids[3])
    let text = try Self.talk(arguments, "Hi\n", in: folder)
    let answer = turns[0]["answers"]?.elements[0]["text"]?.string ?? ""
    #expect(text.output == "base    \(answer)\nedited  \(answer)\n")
  }

  @Test("a model without a chat format is refused before the first line")
  func noFormat() throws {
    let folder = try TemporaryFolder()
    let run = try Self.talk([Fixture.model("llama-tied")], "Hello\n", in: folder)
    #expect(run.status == 1)
    #expect(run.errors.contains("--chat-format"))
    #expect(run.output.isEmpty)
  }
}
