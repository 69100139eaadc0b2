/// The shape of a mark, which tells series apart without colour.
package enum Symbol: Sendable, CaseIterable {
  case circle, square, triangle, diamond

  /// The outline around (x, y) with about the area of a circle of radius `radius`.
  package func path(_ x: Double, _ y: Double, radius: Double) -> String {
    func point(_ dx: Double, _ dy: Double) -> String {
      "\(NumberText.coordinate(x + dx)) \(NumberText.coordinate(y + dy))"
    }
    let r = radius
    switch self {
    case .circle:
      let half = "\(NumberText.coordinate(r)) \(NumberText.coordinate(r)) 0 1 0"
      return "M\(point(-r, 0))A\(half) \(point(r, 0))A\(half) \(point(-r, 0))Z"
    case .square:
      let a = 0.9 * r
      return "M\(point(-a, -a))L\(point(a, -a))L\(point(a, a))L\(point(-a, a))Z"
    case .triangle: return "M\(point(0, -1.25 * r))L\(point(1.15 * r, 0.8 * r))L\(point(-1.15 * r, 0.8 * r))Z"
    case .diamond:
      return "M\(point(0, -1.3 * r))L\(point(1.3 * r, 0))L\(point(0, 1.3 * r))L\(point(-1.3 * r, 0))Z"
    }
  }
}
