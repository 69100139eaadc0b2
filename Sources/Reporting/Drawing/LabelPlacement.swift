/// Finds places for labels beside their marks, where they hide neither marks nor each other.
package struct LabelPlacement: Sendable {
  /// An upright rectangle.
  package struct Box: Sendable, Equatable {
    /// Its left, upper, right and lower edge.
    package var left, top, right, bottom: Double

    /// A rectangle of these edges.
    package init(left: Double, top: Double, right: Double, bottom: Double) {
      (self.left, self.top, self.right, self.bottom) = (left, top, right, bottom)
    }

    /// Whether the two have an area in common.
    package func overlaps(_ other: Box) -> Bool {
      left < other.right && other.left < right && top < other.bottom && other.top < bottom
    }
  }

  /// A label's place: the point at its baseline, and which end of the text that is.
  package struct Place: Sendable, Equatable {
    /// The point.
    package var x, y: Double
    /// `start`, `middle` or `end`.
    package var anchor: String
  }

  /// Where labels may stand.
  package let area: Box
  /// What they may not cover.
  package private(set) var taken: [Box]

  /// Height of a line of text.
  package static let lineHeight = 15.0

  /// Room within `area`, apart from what is there already.
  package init(area: Box, taken: [Box] = []) { (self.area, self.taken) = (area, taken) }

  /// About the width of `text` in a figure's type.
  package static func width(of text: String) -> Double {
    text.reduce(0) {
      $0 + ($1.isASCII ? ("iljt.,:;|! ".contains($1) ? 3.6 : "mwMW%".contains($1) ? 10 : 6.6) : 7)
    }
  }

  /// The best place for `text` beside the mark at (x, y), which is then taken.
  ///
  /// The sides are tried in order, near and then farther away; where all are taken the label stands at the right, or at the
  /// left where that is outside.
  package mutating func place(_ text: String, besideX x: Double, y: Double, radius: Double) -> Place {
    let width = Self.width(of: text)
    var best: (place: Place, box: Box)?
    search: for distance in [radius + 4, radius + 14] {
      for (dx, dy) in [(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)]
        as [(Double, Double)]
      {
        let candidate = Self.candidate(width, x, y, dx, dy, distance)
        let isInside =
          candidate.box.left >= area.left && candidate.box.right <= area.right
          && candidate.box.top >= area.top
          && candidate.box.bottom <= area.bottom
        guard isInside else { continue }
        if best == nil { best = candidate }
        if !taken.contains(where: candidate.box.overlaps) {
          best = candidate
          break search
        }
      }
    }
    let found = best ?? Self.candidate(width, x, y, x + width > area.right ? -1 : 1, 0, radius + 4)
    taken.append(found.box)
    return found.place
  }

  /// Places for `labels` below each other from `x` on, together as near to their heights as they can be without covering
  /// each other; they are then taken.
  package mutating func column(_ labels: [(text: String, y: Double)], x: Double) -> [Place] {
    let order = labels.indices.sorted { (labels[$0].y, $0) < (labels[$1].y, $1) }
    let height = Self.lineHeight
    // Less the lines above them, the middles may not fall; runs that would are drawn together to their mean.
    var runs: [(sum: Double, count: Int)] = []
    for (line, index) in order.enumerated() {
      runs.append((labels[index].y - Double(line) * height, 1))
      while runs.count > 1,
        runs[runs.count - 2].sum / Double(runs[runs.count - 2].count) > runs[runs.count - 1].sum
          / Double(runs[runs.count - 1].count)
      {
        let last = runs.removeLast()
        runs[runs.count - 1].sum += last.sum
        runs[runs.count - 1].count += last.count
      }
    }
    let highest = area.top + height / 2
    let lowest = max(highest, area.bottom - height / 2 - Double(labels.count - 1) * height)
    let middles = runs.flatMap { run in
      repeatElement(min(max(run.sum / Double(run.count), highest), lowest), count: run.count)
    }
    var places = labels.map { Place(x: x, y: $0.y, anchor: "start") }
    for (line, (index, middle)) in zip(order, middles).enumerated() {
      let y = middle + Double(line) * height
      places[index].y = y + 4
      taken.append(
        Box(
          left: x, top: y - height / 2, right: x + Self.width(of: labels[index].text), bottom: y + height / 2)
      )
    }
    return places
  }

  private static func candidate(
    _ width: Double, _ x: Double, _ y: Double, _ dx: Double, _ dy: Double, _ distance: Double
  ) -> (place: Place, box: Box) {
    let anchorX = x + dx * distance * (dy == 0 ? 1 : 0.8)
    let middleY = y + dy * (distance + (dx == 0 ? 5 : 3))
    let left = dx > 0 ? anchorX : dx < 0 ? anchorX - width : anchorX - width / 2
    let box = Box(
      left: left, top: middleY - lineHeight / 2, right: left + width, bottom: middleY + lineHeight / 2)
    let anchor = dx > 0 ? "start" : dx < 0 ? "end" : "middle"
    return (Place(x: anchorX, y: middleY + 4, anchor: anchor), box)
  }
}
