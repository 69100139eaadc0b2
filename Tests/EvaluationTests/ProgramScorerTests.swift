import Evaluation
import Foundation
import Kernels
import Testing

/// External programs as scorers: the protocol, and every way in which a program can break it.
@Suite("Programs as scorers")
struct ProgramScorerTests {
  private static let hasPython = ["/usr/bin/python3", "/usr/local/bin/python3"].contains {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// A Python program: `body` runs for each line, `request` being what it holds.
  private static func program(_ body: String, before: String = "") -> [String] {
    let script = """
      import json, os, sys, time
      def answer(value):
          print(value if isinstance(value, str) else json.dumps(value), flush=True)
      \(before)
      for number, line in enumerate(sys.stdin):
          request = json.loads(line)
          \(body)
      """
    return ["python3", "-c", script]
  }

  /// The error of scoring `count` texts.
  private func refusal(_ command: [String], count: Int = 5, timeout: Double = 20) throws -> String {
    let scorer = try ProgramScorer(command, timeout: timeout)
    let texts = (0..<count).map { "text \($0)" }
    let error = #expect(throws: EvaluationError.self) { try scorer.scores(for: texts) }
    let text = error?.reason ?? ""
    // It stays the same, and does not wait again.
    let again = #expect(throws: EvaluationError.self) { try scorer.scores(for: texts) }
    #expect(again != nil)
    #expect(error?.subject.hasPrefix("exec:") ?? false)
    return text
  }

  @Test("answers are taken in order, for texts of all kinds, over several calls", .enabled(if: hasPython))
  func order() throws {
    let scorer = try ProgramScorer(
      Self.program("answer({'score': len(request['text'].encode()) / 1000 + number / 100000})"))
    let texts = ["", "one", "quote \" and \\ and\nline\r\nand\ttab", "é漢🙂\u{2028}\u{0}", "</s>"]
    var number = 0
    for _ in 0..<3 {
      let expected = texts.enumerated().map {
        Double($0.element.utf8.count) / 1000 + Double(number + $0.offset) / 100_000
      }
      for (found, expected) in zip(try scorer.scores(for: texts), expected) {
        #expect(abs(found - expected) < 1e-12)
      }
      number += texts.count
    }
    #expect(try scorer.scores(for: []).isEmpty)
    #expect(scorer.identity.kind == .program && scorer.identity.weightsSHA256 == nil)
  }

  @Test("of several labels toxicity counts, or toxic, or the only one", .enabled(if: hasPython))
  func labels() throws {
    for (answer, expected) in [
      ("{'scores': {'severe': 0.9, 'toxicity': 0.25, 'toxic': 0.5}}", 0.25),
      ("{'scores': {'severe': 0.9, 'toxic': 0.5}}", 0.5), ("{'scores': {'rude': 0.125}}", 0.125),
      ("{'score': 0.75, 'scores': {'toxic': 0.5}, 'more': [1]}", 0.75), ("{'score': 1}", 1),
      ("'{\"score\": 0.5}\\r'", 0.5),
    ] {
      let scorer = try ProgramScorer(Self.program("answer(\(answer))"))
      #expect(try scorer.scores(for: ["a", "b"]) == [expected, expected], "\(answer)")
    }
  }

  @Test("an answer that is no score is refused, with its number and what it holds", .enabled(if: hasPython))
  func garbage() throws {
    for (answer, words) in [
      ("'toxic!'", "found no JSON: toxic!"), ("''", "found no JSON"), ("{'score': 1.5}", "found 1.5"),
      ("{'score': -0.1}", "found -0.1"), ("{'score': 'high'}", "found no number"),
      ("{'score': None}", "found no number"), ("'{\"score\": NaN}'", "found no JSON"),
      ("[0.5]", "found no number"),
      ("{'scores': {'a': 0.1, 'b': 0.2}}", "found scores without toxicity or toxic"),
      ("{'scores': {}}", "found scores without"), ("{}", "found no number"),
    ] {
      let message = try refusal(
        Self.program("answer({'score': 0.5} if number < 2 else \(answer))"))
      #expect(message.contains("answer 3: ") && message.contains(words), "\(answer): \(message)")
    }
  }

  @Test("an error line ends the run with the program's own words", .enabled(if: hasPython))
  func errorLine() throws {
    let message = try refusal(Self.program("answer({'error': 'no weights at ' + request['text']})"))
    #expect(message == "answer 1: the program says: no weights at text 0")
  }

  @Test("a program that is not there, or ends at once, is reported with its exit code and last words")
  func dead() throws {
    let missing = try refusal(["profs-no-such-program"])
    #expect(
      missing.contains("ended after 0 of 5 answers, with exit code 127") && missing.contains("No such file"))
    let failed = try refusal(["sh", "-c", "echo loading >&2; echo 'out of memory' >&2; exit 3"])
    #expect(failed.contains("exit code 3; its standard error ends: loading | out of memory"))
    #expect(try refusal(["sh", "-c", "kill -9 $$"]).contains("by signal 9"))
    #expect(try refusal(["true"], count: 20_000).contains("ended after 0 of 20000 answers, with exit code 0"))
  }

  @Test(
    "a program that ends early, or stops reading, is reported with what it answered", .enabled(if: hasPython))
  func early() throws {
    let ended = try refusal(Self.program("answer({'score': 0.5}); number == 1 and os._exit(4)"))
    #expect(ended.contains("ended after 2 of 5 answers, with exit code 4"))
    let closed = try refusal(
      Self.program("answer({'score': 0.5}); os.close(0); time.sleep(0.2); os._exit(0)"), count: 20_000)
    #expect(closed.contains("ended after 1 of 20000 answers, with exit code 0"))
    let mute = try refusal(
      Self.program("answer({'score': 0.5}); sys.stdout.close(); os.close(1); time.sleep(60)"))
    #expect(mute.contains("ended after 1 of 5 answers"))
  }

  @Test("a program that hangs is stopped when its time is over, and so is one that does not flush")
  func hang() throws {
    let clock = ContinuousClock()
    let start = clock.now
    let silent = try refusal(["sleep", "60"], timeout: 0.3)
    #expect(silent.contains("0 of 5 answers came, and then none for 0.3 s"))
    // Deaf to the end of its input and to polite signals.
    let stubborn = try refusal(
      ["sh", "-c", "trap '' TERM INT HUP; read line; echo '{\"score\": 0.5}'; while :; do sleep 1; done"],
      timeout: 0.5)
    #expect(stubborn.contains("1 of 5 answers came"))
    #expect(clock.now - start < .seconds(20))
  }

  @Test("lines that answer nothing are refused, before a question and after", .enabled(if: hasPython))
  func tooMany() throws {
    #expect(
      try refusal(Self.program("answer('{\"score\": 0.5}\\n{\"score\": 0.5}')"), count: 1)
        .contains("more lines than it was given"))
    let files = try TemporaryFiles()
    let mark = files.path + "/written"
    let scorer = try ProgramScorer(
      Self.program(
        "answer({'score': 0.5}); time.sleep(0.5); answer({'score': 0.6}); open('\(mark)', 'w').close()"))
    #expect(try scorer.scores(for: ["a"]) == [0.5])
    for _ in 0..<2000 where !FileManager.default.fileExists(atPath: mark) { usleep(10_000) }
    let error = #expect(throws: EvaluationError.self) { try scorer.scores(for: ["b"]) }
    #expect(error?.reason.contains("answers nothing") ?? false)
    let endless = try refusal(["sh", "-c", "read line; exec cat /dev/zero"])
    #expect(endless.contains("without a line's end"))
  }

  @Test("texts and answers beyond what pipes hold never wait for one another", .enabled(if: hasPython))
  func longTexts() throws {
    let texts = (0..<20).map { String(repeating: "long ", count: 20_000) + "\($0)" }
    // Long answers, and much on standard error, before the next question is read.
    let chatty = try ProgramScorer(
      Self.program(
        "sys.stderr.write('x' * 100000); answer({'pad': 'y' * 100000, 'score': (len(request['text']) % 100) / 100})"
      ),
      timeout: 60)
    let expected = texts.map { Double($0.utf8.count % 100) / 100 }
    #expect(try chatty.scores(for: texts) == expected)
    // Nothing is answered before everything is read.
    let patient = try ProgramScorer(
      [
        "python3", "-c",
        "import sys\nlines = [sys.stdin.readline() for _ in range(20)]\nprint('{\"score\": 0.5}\\n' * 20, end='', flush=True)",
      ], timeout: 60)
    #expect(try patient.scores(for: texts) == [Double](repeating: 0.5, count: 20))
  }

  @Test("the program ends with its scorer", .enabled(if: hasPython))
  func end() throws {
    let files = try TemporaryFiles()
    let file = files.path + "/pid"
    try {
      let scorer = try ProgramScorer(
        Self.program("answer({'score': 0.5})", before: "open('\(file)', 'w').write(str(os.getpid()))"))
      #expect(try scorer.scores(for: ["a"]) == [0.5])
    }()
    let process = try #require(pid_t(String(contentsOfFile: file, encoding: .utf8)))
    #expect(kill(process, 0) == -1 && errno == ESRCH)
  }

  @Test("a specification says which scorer it is, its command divided as a shell does")
  func specification() throws {
    #expect(try ScorerSpecification(parsing: "builtin") == .builtin)
    #expect(try ScorerSpecification(parsing: "hf:a/b") == .classifier(path: "a/b", label: nil))
    #expect(try ScorerSpecification(parsing: "hf:a:b#c#d") == .classifier(path: "a:b", label: "c#d"))
    #expect(
      try ScorerSpecification(parsing: "exec:  run 'a b' \"c \\\" d\" e\\ f '' g'h'i")
        == .program(["run", "a b", "c \" d", "e f", "", "ghi"]))
    for text in [
      "", "other", "builtin:", "hf:", "hf:#a", "hf:a#", "exec:", "exec:  ", "exec:a 'b", "Builtin",
    ] {
      #expect(throws: EvaluationError.self, "\(text)") { try ScorerSpecification(parsing: text) }
    }
    let context = ComputeContext(threads: 1, precision: .f32)
    #expect(try ScorerSpecification(parsing: "builtin").open(context).name == "builtin")
    #expect(try ScorerSpecification(parsing: "exec:cat -u").open(context).name == "exec:cat -u")
  }
}
