/// The sections that records make, in the order people ask: what changes, at what price, in words, from where.
struct ReportSections {
  /// A section and its title, which no other has.
  struct Entry: Sendable {
    /// The title.
    var title: String
    /// The section.
    let section: any Section
    /// The record's file.
    fileprivate let file: String
    /// Its place among kinds of sections.
    fileprivate let rank: Int
  }

  /// The sections; those of one kind keep the order of their files.
  private(set) var entries: [Entry] = []

  /// The sections that `records` make.
  init(_ records: [Record], _ wording: Wording) throws {
    var work: [WorkSection.Run] = []
    var tasks: [(name: String, tasks: [RunRecord.Task])] = []
    for (index, record) in records.enumerated() {
      switch record.content {
      case .evaluation(let evaluation):
        add(0, ChangesSection(record: evaluation), record)
        add(1, TradeOffSection(evaluation), record)
        add(3, TasksSection(evaluation), record)
        add(6, try ContinuationsSection(evaluation, wording), record)
      case .tuning(let tuning): add(2, TuningSection(record: tuning), record)
      case .study(let study): add(2, StudySection(record: study, wording: wording), record)
      case .explanation(let explanation):
        add(7, DirectionsSection(record: explanation, wording: wording, number: index + 1), record)
      case .receipt(let receipt): add(9, ReceiptSection(record: receipt), record)
      case .run(.proof(let holds, let checks)): add(10, ProofSection(holds: holds, checks: checks), record)
      case .run(.continuations(let prompts)): add(6, ContinuationsSection(prompts, wording), record)
      case .run(.tasks(let list)): tasks.append((record.name, list))
      case .run(.work(let title, let stages, let facts)):
        work.append(.init(name: record.name, title: title, stages: stages, facts: facts))
      case .run(.perplexity(let value, let tokens)):
        work.append(
          .init(
            name: record.name, title: "Perplexity", stages: [],
            facts: [
              ("perplexity", NumberText.plain(value)), ("tokens scored", NumberText.grouped(Double(tokens))),
            ]))
      }
    }
    if !tasks.isEmpty { add(4, TasksTable(runs: tasks), nil) }
    if !work.isEmpty { add(8, WorkSection(runs: work), nil) }
    entries = entries.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
      .map(\.element)
    let counts = entries.reduce(into: [:]) { $0[$1.title, default: 0] += 1 }
    for index in entries.indices where counts[entries[index].title, default: 0] > 1 {
      entries[index].title += " (\(entries[index].file))"
    }
  }

  private mutating func add(_ rank: Int, _ section: (any Section)?, _ record: Record?) {
    guard let section else { return }
    entries.append(Entry(title: section.title, section: section, file: record?.name ?? "", rank: rank))
  }
}
