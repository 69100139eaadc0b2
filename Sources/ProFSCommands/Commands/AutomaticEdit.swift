internal import ArgumentParser
internal import Evaluation
internal import Foundation
internal import Kernels
internal import PreferenceData
internal import Storage
internal import Studies
internal import Transformer

/// `profs edit --auto`: tune on half of the prompts, edit, and evaluate what was written on the other half.
///
/// Each part is a command of its own with the options of this one.
struct AutomaticEdit {
  private let command: EditCommand
  private let quiet: Bool
  private let out: String
  private let prompts: String
  private let text: String
  /// Prompts that choose the edit.
  private let choosing: [String]
  /// Prompts that judge it.
  private let judging: [String]

  /// Splits the prompts: every other one chooses, so that a file in any order is shared out evenly.
  ///
  /// - Throws: where the output exists, or there are not enough prompts.
  init(_ command: EditCommand) throws {
    self.command = command
    quiet = command.output.quiet || command.output.json
    out = command.destination.path(of: command.model)
    (prompts, text) = (command.automatic.prompts ?? "", command.automatic.text)
    try command.destination.check(command.model)
    let texts = try TextList(path: prompts).texts
    guard texts.count >= 2 else {
      throw PreferenceDataError(
        file: prompts, reason: "--auto needs at least 2 prompts, one to choose by and one to judge by")
    }
    choosing = texts.indices.filter { $0 % 2 == 0 }.map { texts[$0] }
    judging = texts.indices.filter { $0 % 2 == 1 }.map { texts[$0] }
  }

  /// That the edit costs more than was allowed, on the prompts that judge it.
  private static func remark(_ overrun: Tuning.Overrun) -> String {
    func percent(_ share: Double) -> String { String(format: "%+.1f %%", share * 100) }
    return "\(overrun.title) \(percent(overrun.change)), where \(percent(overrun.budget)) was allowed: "
      + "choose by more prompts, or allow less"
  }

  /// Does all of it.
  func run() throws {
    var tune = try TuneCommand.parse(
      [command.model, "--pairs", command.fit.source.pairs, "--prompts", prompts, "--text", text])
    tune.source = command.fit.source
    tune.maxTokens = command.fit.maxTokens
    tune.correctOn = command.correction.correctOn
    tune.textLimit = command.automatic.textLimit
    tune.maxNewTokens = command.automatic.maxNewTokens
    tune.search = command.automatic.search
    if let scorer = command.automatic.scorers.first { tune.scorer = scorer }
    tune.out = out + ".tuning.json"
    (tune.compute, tune.output) = (command.compute, command.output)
    let job = try TuneJob(tune, prompts: choosing, quiet: quiet)
    let (tuning, chosen, subspace, _) = try job.run()
    if !command.output.json {
      let table = TuningTable(tuning, budget: tune.search.maxPerplexityIncrease.value)
      for line in table.lines { Console.result(line) }
    }

    var edit = command
    edit.automatic.auto = false
    edit.fit = try FitOptions.parse(
      ["--pairs", command.fit.source.pairs, "--max-tokens", "\(command.fit.maxTokens)"]
        + chosen.candidate.recipeOptions)
    edit.fit.source = command.fit.source
    // As in the search, whatever the recipe.
    edit.compute.compute = tune.precision
    edit.fit.source.writing.style = command.fit.source.writing.style ?? .level
    edit.strength = chosen.candidate.strength
    let written = try edit.edit(with: subspace)
    // The others read what the first has written.
    Communicator.world.wait()

    var evaluate = try EvalCommand.parse(
      [command.model, out, "--prompts", prompts, "--text", text])
    evaluate.continuations.scorers = command.automatic.scorers
    evaluate.textLimit = command.automatic.textLimit
    let length = TuneJob.windowLength(try Model(path: command.model))
    (evaluate.windows.window, evaluate.windows.stride) = (length, length)
    evaluate.continuations.maxNewTokens = command.automatic.maxNewTokens
    evaluate.out = out + ".evaluation.json"
    (evaluate.compute, evaluate.output) = (command.compute, command.output)
    let evaluation = try EvalJob(evaluate, prompts: judging)
    let (summary, record) = try evaluation.finish()

    let overruns = tune.search.settings(newTokens: tune.maxNewTokens).overruns(in: summary)
    if command.output.json {
      Console.json(
        .object(
          (written?.report ?? []) + [
            ("chosen", chosen.json), ("overruns", .array(overruns.map(\.json))),
            ("evaluation", evaluation.log.document(summary: record)),
          ]
        ))
      return
    }
    for line in EvaluationTable(summary, names: evaluation.names).lines { Console.result(line) }
    for overrun in overruns { Console.result(Self.remark(overrun)) }
    Console.result("")
    Console.result(
      "chosen on \(choosing.count) prompts, judged on \(judging.count) others: \(chosen.candidate.options)")
    Console.result(
      "written to \(out); check again with: profs verify \(out.shellWord) --base \(command.model.shellWord)")
    if !quiet {
      Console.message("measurements: \(out).tuning.json, \(out).evaluation.json")
    }
  }
}
