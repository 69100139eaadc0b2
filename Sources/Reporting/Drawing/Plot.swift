/// A figure of two axes: series of marks with their intervals, lines between them, and guides.
///
/// A plain value; ``drawing(width:)`` makes the picture of it.
package struct Plot: Sendable, Equatable {
  /// One mark.
  package struct Mark: Sendable, Equatable {
    /// Where it stands across, with an interval where there is one.
    package var x: Interval
    /// Where it stands upward, likewise.
    package var y: Interval
    /// The standard deviation of what `y` is the mean of; `nil` where it is of one.
    package var deviation: Double?
    /// What is written beside it; `nil` for nothing.
    package var label: String?
    /// Its radius.
    package var radius = 4.5
    /// What a pointer over it says beside its values.
    package var note: String?

    /// A mark at `x` and `y`.
    package init(x: Interval, y: Interval, label: String? = nil, radius: Double = 4.5, note: String? = nil) {
      (self.x, self.y, self.label, self.radius, self.note) = (x, y, label, radius, note)
    }
  }

  /// How marks of a series are joined.
  package enum Line: Sendable, Equatable {
    case none, straight
    /// Level up to the next mark: what is not worse than any before it.
    case steps
  }

  /// Marks that belong together.
  package struct Series: Sendable, Equatable {
    /// Its name.
    package var name: String
    /// Its marks.
    package var marks: [Mark] = []
    /// How they are joined.
    package var line = Line.none
    /// Whether it comes from elsewhere: hollow marks, broken lines.
    package var isReference = false
    /// The class that colours it.
    package var colour = "c1"
    /// The shape of its marks.
    package var symbol = Symbol.circle
    /// The series whose colour and shape it has; `nil` for its own.
    package var kin: String?
    /// Whether the name stands in the figure, at the last mark or in the legend.
    package var isNamed = true

    /// A series without marks yet.
    package init(name: String, isReference: Bool = false) {
      (self.name, self.isReference) = (name, isReference)
    }
  }

  /// A straight line across the figure.
  package struct Guide: Sendable, Equatable {
    /// Whether it stands upright, at a value of the x axis.
    package var isVertical: Bool
    /// Its value.
    package var value: Double
    /// What is written at its end; empty for nothing.
    package var label: String

    /// A line at `value`.
    package init(isVertical: Bool, value: Double, label: String) {
      (self.isVertical, self.value, self.label) = (isVertical, value, label)
    }
  }

  /// What the figure shows, in words, for those who do not see it.
  package var title: String
  /// The axis across.
  package var x: Axis
  /// The axis upward.
  package var y: Axis
  /// What is drawn, the last on top.
  package var series: [Series] = []
  /// Lines across the figure, below everything.
  package var guides: [Guide] = []
  /// Its height without the legend, as a share of what a figure has otherwise.
  package var relativeHeight = 1.0

  /// A figure of these axes, empty yet.
  package init(title: String, x: Axis, y: Axis) { (self.title, self.x, self.y) = (title, x, y) }

  /// Whether values stand so far apart along a linear y axis that most would lie at its end: all above 0, the largest more
  /// than 50 times the least.
  package var spansDecades: Bool {
    let values = series.flatMap(\.marks).flatMap { [$0.y.value, $0.y.lower, $0.y.upper].compactMap(\.self) }
    guard case .linear = y.kind, y.unit == .plain, let least = values.min(), let most = values.max() else {
      return false
    }
    return least > 0 && most > 50 * least
  }

  /// Gives series their colours and shapes in order, those of its kin to one that has some.
  package mutating func assignColours() {
    var next = 0
    var known: [String: (colour: String, symbol: Symbol)] = [:]
    for index in series.indices {
      let name = series[index].kin ?? series[index].name
      let look = known[name] ?? ("c\(next % 5 + 1)", Symbol.allCases[next % Symbol.allCases.count])
      if known[name] == nil { next += 1 }
      known[name] = look
      (series[index].colour, series[index].symbol) = look
    }
  }

  /// How many marks lie beyond the limits of an axis and are not drawn.
  package var hidden: Int { series.reduce(0) { $0 + $1.marks.count { !isShown($0) } } }

  /// Whether `mark` lies within the limits of both axes.
  package func isShown(_ mark: Mark) -> Bool {
    guard let x = mark.x.value, let y = mark.y.value else { return false }
    return self.x.shows(x) && self.y.shows(y)
  }
}
