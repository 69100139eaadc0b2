internal import Editing
internal import Storage
internal import Transformer

/// What `--dry-run` prints, for people and for programs.
struct PlanReport {
  /// What the products of a pass are to the whole of it: attention, norms and tokens take the rest.
  static let fitAllowance = 1.25

  private let plan: EditPlan
  private let out: String
  private let fit: (memory: MemoryPlan, seconds: Double)?
  private let memory: [MemoryPlan.Item]
  private let writeSeconds: Double
  private let uncounted: String?
  private let free: Int?
  private let shared: Int

  /// A plan for writing `out`; `fit` is what finding the subspace takes first, `nil` where it is given.
  ///
  /// - Parameter uncounted: what takes time that cannot be told before, in words.
  init(
    _ plan: EditPlan, _ out: String, base: String, fit: (memory: MemoryPlan, seconds: Double)?,
    uncounted: String? = nil
  ) {
    (self.plan, self.out, self.fit, self.uncounted) = (plan, out, fit, uncounted)
    memory =
      fit.map(\.memory.items) ?? [.init("the program and vocabulary", MemoryMeter.current() ?? 0)]
      + plan.memory
    writeSeconds = plan.measuredSeconds()
    free = EditPlan.freeBytes(for: out)
    shared = plan.sharedBytes(for: out)
  }

  private var peak: Int { memory.reduce(0) { $0 + $1.bytes } }
  private var fits: Bool { free.map { $0 >= plan.writtenBytes - shared } ?? true }

  /// Prints the plan.
  func print(json: Bool) {
    json ? Console.json(document) : printText()
  }

  private func printText() {
    Console.result("reads \(formattedBytes(plan.readBytes)) in \(plan.reads.count) files")
    for file in plan.reads { row(file, file.name) }
    Console.result("writes \(formattedBytes(plan.writtenBytes)) in \(plan.writes.count) files")
    for file in plan.writes { row(file, path(of: file)) }
    Console.result(
      "disk: " + (free.map { "\(formattedBytes($0)) free" } ?? "free space unknown")
        + (fits ? "" : ", which is not enough")
        + (shared > 0 ? "; \(formattedBytes(shared)) share the base's blocks and take no room" : ""))
    Console.result("memory, mapped files left out: \(formattedBytes(peak))")
    for item in memory {
      Console.result("  " + formattedBytes(item.bytes).leftPadded(8) + "  \(item.purpose)")
    }
    let times =
      (fit.map { ["fit \(ProgressBar.time($0.seconds))"] } ?? []) + [
        "write \(ProgressBar.time(writeSeconds))"
      ]
    Console.result("time: about \(times.joined(separator: ", ")), from rates measured just now")
    if let uncounted { Console.result("not counted: \(uncounted)") }
    Console.result("nothing was written")
  }

  /// Where a file that is written will stand: what tells of an output that is a file, beside it.
  private func path(of file: EditPlan.File) -> String {
    if file.name.isEmpty { return out }
    return FileSystem.join(
      out.hasSuffix(".gguf") ? OutputFormat.gguf.receiptFolder(of: out) : out, file.name)
  }

  private func row(_ file: EditPlan.File, _ path: String) {
    let size = (file.isEstimate ? "~" : "") + formattedBytes(file.bytes)
    Console.result("  " + size.leftPadded(8) + "  " + path)
  }

  private var document: JSON {
    func files(_ files: [EditPlan.File], path: (EditPlan.File) -> String) -> JSON {
      .array(
        files.map {
          [
            "name": .string($0.name), "path": .string(path($0)), "bytes": .int($0.bytes),
            "estimate": .bool($0.isEstimate),
          ]
        })
    }
    return [
      "dry_run": true, "out": .string(out), "reads": files(plan.reads, path: \.name),
      "read_bytes": .int(plan.readBytes),
      "writes": files(plan.writes, path: path(of:)), "write_bytes": .int(plan.writtenBytes),
      "shared_bytes": .int(shared),
      "disk_free_bytes": free.map { .int($0) } ?? .null, "fits_on_disk": .bool(fits),
      "memory_bytes": .int(peak),
      "memory": .array(memory.map { ["purpose": .string($0.purpose), "bytes": .int($0.bytes)] }),
      "seconds": .object(
        (fit.map { [("fitting", JSON.double($0.seconds))] } ?? []) + [("writing", .double(writeSeconds))]),
      "not_counted": uncounted.map { .string($0) } ?? .null,
    ]
  }
}
