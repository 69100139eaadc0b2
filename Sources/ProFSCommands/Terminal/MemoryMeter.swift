internal import Foundation
internal import Synchronization
internal import Transformer

/// Peak of the process's own resident memory: pages of mapped files, which the system can drop at will, left out.
final class MemoryMeter: Sendable {
  private let peak = Atomic<Int>(0)
  private let isRunning = Atomic<Bool>(true)

  /// Begins to sample, fifty times a second.
  init() {
    sample()
    let thread = Thread { [self] in
      while isRunning.load(ordering: .relaxed) {
        sample()
        usleep(20_000)
      }
    }
    thread.start()
  }

  /// Bytes of resident memory that belong to no file, now; `nil` where the system does not say.
  static func current() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
    let pages = text.split(separator: " ").compactMap { Int($0) }
    guard pages.count > 2 else { return nil }
    return (pages[1] - pages[2]) * sysconf(Int32(_SC_PAGESIZE))
  }

  /// Stops sampling and answers the peak in bytes.
  func stop() -> Int {
    sample()
    isRunning.store(false, ordering: .relaxed)
    return peak.load(ordering: .relaxed)
  }

  private func sample() { peak.max(Self.current() ?? 0, ordering: .relaxed) }
}

extension MemoryPlan {
  /// The plan with what the program itself holds now, and what it held at most since `meter` began, while pairs were read.
  func withProgram(_ meter: MemoryMeter) -> MemoryPlan {
    var plan = self
    plan.add(.init("the program, vocabulary and pairs", MemoryMeter.current() ?? 0))
    plan.cover(.init("more than that while the pairs are read", meter.stop()))
    return plan
  }
}

/// A number of bytes as people read it.
func formattedBytes(_ bytes: Int) -> String {
  let units = ["B", "kB", "MB", "GB", "TB"]
  var value = Double(bytes)
  var unit = 0
  while value >= 1000, unit + 1 < units.count {
    value /= 1000
    unit += 1
  }
  let rounded = value < 10 && unit > 0 ? "\((value * 10).rounded() / 10)" : "\(Int(value.rounded()))"
  return "\(rounded) \(units[unit])"
}
