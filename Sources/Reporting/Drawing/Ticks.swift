internal import Foundation

/// Round values for an axis.
package enum Ticks {
  /// Multiples of 1, 2 or 5 times a power of ten within `domain`, about `count` of them, and the digits they need behind the
  /// point.
  package static func linear(_ domain: ClosedRange<Double>, about count: Int) -> (
    values: [Double], digits: Int
  ) {
    let width = domain.upperBound - domain.lowerBound
    guard width.isFinite, width > 0 else { return ([domain.lowerBound], 2) }
    let rough = width / Double(max(1, count))
    let power = pow(10, log10(rough).rounded(.down))
    let step = power * ([1, 2, 5].first { $0 * power >= rough * 0.7 } ?? 10)
    guard step.isNormal else { return ([domain.lowerBound], 2) }
    let digits = min(9, max(0, -Int(log10(step).rounded(.down))))
    // Beyond this the steps are below what doubles tell apart.
    guard abs(domain.lowerBound / step) < 1e12, abs(domain.upperBound / step) < 1e12 else {
      return ([domain.lowerBound, domain.upperBound], digits)
    }
    let first = (domain.lowerBound / step - 1e-9).rounded(.up)
    let last = (domain.upperBound / step + 1e-9).rounded(.down)
    guard first <= last else { return ([], digits) }
    return (stride(from: first, through: last, by: 1).map { $0 * step }, digits)
  }

  /// Powers of ten within `domain`, with 2 and 5 times them where there would be few.
  package static func logarithmic(_ domain: ClosedRange<Double>, about count: Int) -> [Double] {
    guard domain.lowerBound > 0, domain.upperBound.isFinite else { return [] }
    let powers = Int(log10(domain.lowerBound).rounded(.down))...Int(log10(domain.upperBound).rounded(.up))
    let candidates: [[Double]] = [[1, 2, 5], [1, 3], [1]].map { factors in
      powers.flatMap { power in factors.map { $0 * pow(10, Double(power)) } }.filter(domain.contains)
    }
    let fitting = candidates.first { $0.count <= max(3, count + 2) } ?? candidates[2]
    guard fitting.count > count + 2 else { return fitting }
    let every = (fitting.count + count - 1) / max(1, count)
    return fitting.enumerated().filter { $0.offset % every == 0 }.map(\.element)
  }
}

extension NumberText {
  /// A power of ten, or a small multiple of one, without needless digits.
  package static func tick(_ value: Double) -> String {
    switch abs(value) {
    case 1e7...: exponent(value)
    case 1...: grouped(value)
    case 1e-3...: String(format: "%g", value)
    default: exponent(value)
    }
  }
}
