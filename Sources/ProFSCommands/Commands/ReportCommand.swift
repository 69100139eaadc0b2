internal import ArgumentParser
internal import Reporting
internal import Storage

/// `profs report`: one page made of records.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Make a page of records: figures, tokens, texts, proof.",
    discussion: """
      One self-contained HTML file, for a desk or a phone, light or dark: it loads nothing from anywhere. Records are \
      recognised by what is in them: those of profs eval, tune and study with --out, the receipt profs.json of an edit, and what \
      edit, apply, fit, dpo, gradients, explain, perplexity, tasks, generate and verify print with --json.

        profs eval BASE EDITED --prompts p.txt --text t.txt --out eval.json
        profs explain EDITED/profs/subspace.safetensors --model BASE --json \\
          > directions.json
        profs report eval.json directions.json EDITED/profs.json --out report.html

      Offensive words are masked and toxic texts covered until the reader asks for them. The same records give the same page.
      """)

  @Argument(help: ArgumentHelp("Files that commands of profs wrote.", valueName: "records")) var records:
    [String]
  @Option(help: ArgumentHelp("Page to write; must not exist.", valueName: "file")) var out: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    try NewOutput.claim(out)
    let report = try Report(try records.map { try Record(path: $0) }, mask: { Masking.mask($0) })
    let page = Array(report.html.utf8)
    try AtomicFile.write(page, to: out)
    if output.json {
      Console.json([
        "out": .string(out), "records": .array(records.map { .string($0) }), "bytes": .int(page.count),
      ])
    } else {
      Console.result("written to \(out), \(formattedBytes(page.count)); open it in a browser")
    }
  }
}
