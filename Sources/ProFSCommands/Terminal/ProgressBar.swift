internal import Foundation
internal import Transformer

/// One step of a job, with a bar, the time left, and at the end the time it took.
///
/// On a terminal the bar is redrawn ten times a second once the step has lasted half a second; elsewhere only its end
/// is reported.
final class ProgressBar {
  private let title: String
  private let isQuiet: Bool
  private let start = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?
  private var isDrawn = false

  /// Starts the clock; a quiet bar never prints.
  init(_ title: String, quiet: Bool) {
    self.title = title
    isQuiet = quiet
  }

  /// Runs a step and answers its result and how long it took, in seconds.
  static func run<R>(_ title: String, quiet: Bool, _ body: (@escaping ProgressHandler) throws -> R) rethrows
    -> (
      R, seconds: Double
    )
  {
    let bar = ProgressBar(title, quiet: quiet)
    defer { if bar.isDrawn { Console.clearProgress() } }
    let result = try body { bar.update($0, $1) }
    return (result, bar.finish())
  }

  private func update(_ completed: Int, _ total: Int) {
    let now = ContinuousClock.now
    let elapsed = (now - start).seconds
    guard Console.isTerminal, !isQuiet, elapsed > 0.5, total > 0 else { return }
    if let lastDrawn, (now - lastDrawn).seconds < 0.1, completed < total { return }
    lastDrawn = now
    isDrawn = true
    let fraction = min(1, Double(completed) / Double(total))
    let width = 24
    let filled = Int(fraction * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let left = fraction > 0 ? Self.time(elapsed / fraction - elapsed) + " left" : ""
    let percent = String(Int(fraction * 100))
    Console.overwrite(
      "\(padded) \(bar) \(String(repeating: " ", count: 3 - percent.count))\(percent) %  \(left)")
  }

  private func finish() -> Double {
    let elapsed = (ContinuousClock.now - start).seconds
    if isDrawn { Console.clearProgress() }
    isDrawn = false
    if !isQuiet { Console.message("\(padded) \(Self.time(elapsed))") }
    return elapsed
  }

  private var padded: String { title + String(repeating: " ", count: max(0, 28 - title.count)) }

  /// A duration as people read it: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
  static func time(_ seconds: Double) -> String {
    if seconds < 10 { return "\((seconds * 10).rounded() / 10) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    let (minutes, rest) = whole.quotientAndRemainder(dividingBy: 60)
    if minutes < 60 { return "\(minutes) min \(rest < 10 ? "0" : "")\(rest) s" }
    return "\(minutes / 60) h \(minutes % 60) min"
  }
}

extension Duration {
  /// In seconds.
  var seconds: Double {
    let parts = components
    return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
  }
}
