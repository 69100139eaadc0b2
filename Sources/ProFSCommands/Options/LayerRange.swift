internal import ArgumentParser

/// A range of blocks as the user gives it: `13-30`, or `13` for one.
struct LayerRange: ExpressibleByArgument, Sendable {
  /// The blocks, counted from 1.
  var blocks: ClosedRange<Int>

  /// Parses `first-last` or `block`; `nil` where a number is below 1 or the ends are in the wrong order.
  init?(argument: String) {
    let parts = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1], first >= 1,
      last >= first
    else { return nil }
    blocks = first...last
  }
}
