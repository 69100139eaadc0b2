/// An axis of a figure: what it measures and how its values are spread and written.
package struct Axis: Sendable, Equatable {
  /// How values are spread along it.
  package enum Kind: Sendable, Equatable {
    case linear
    /// Equal ratios are equally far apart.
    case logarithmic
    /// Value i stands for the i-th name, from 0.
    case categories([String])
  }

  /// How values are written.
  package enum Unit: String, Sendable {
    case plain
    /// A share, in percent.
    case percent
    /// A relative change, in percent with its sign.
    case change
  }

  /// What is measured.
  package var label: String
  /// How values are spread.
  package var kind = Kind.linear
  /// How they are written.
  package var unit = Unit.plain
  /// Values that are within the axis whatever the marks are, such as 0.
  package var includes: [Double] = []
  /// Values beyond these are left out of the figure.
  package var limits: ClosedRange<Double>?

  /// An axis of this label.
  package init(
    label: String, kind: Kind = .linear, unit: Unit = .plain, includes: [Double] = [],
    limits: ClosedRange<Double>? = nil
  ) {
    (self.label, self.kind, self.unit, self.includes, self.limits) = (label, kind, unit, includes, limits)
  }

  /// Whether the axis shows `value`.
  package func shows(_ value: Double) -> Bool {
    value.isFinite && (limits?.contains(value) ?? true) && (kind != .logarithmic || value > 0)
  }

  /// The range that shows all `values`, with a little room at both ends.
  package func domain(of values: [Double]) -> ClosedRange<Double> {
    if case .categories(let names) = kind { return -0.5...max(0.5, Double(names.count) - 0.5) }
    let shown = (values + includes).filter(shows)
    guard let least = shown.min(), let most = shown.max() else { return kind == .linear ? 0...1 : 1...10 }
    if kind == .logarithmic { return least / 1.25...most * 1.25 }
    let room = most > least ? 0.06 * (most - least) : max(abs(most) * 0.1, 1e-6)
    let (low, high) = (least - room, most + room)
    // An axis that begins at zero begins there exactly.
    return (least >= 0 && low < 0 ? 0 : low)...(most <= 0 && high > 0 ? 0 : high)
  }

  /// Where ticks stand within `domain`, about `count` of them, with their labels.
  package func ticks(in domain: ClosedRange<Double>, about count: Int) -> [(value: Double, label: String)] {
    switch kind {
    case .categories(let names): names.enumerated().map { (Double($0), $1) }
    case .logarithmic: Ticks.logarithmic(domain, about: count).map { ($0, NumberText.tick($0)) }
    case .linear: linearTicks(domain, count)
    }
  }

  /// The ticks along `scale`, which runs across: as many of them as have room for their labels.
  package func ticksAcross(_ scale: Scale, about count: Int) -> [(value: Double, label: String)] {
    let ticks = ticks(in: scale.domain, about: count)
    for every in 1...max(1, ticks.count) {
      let kept = ticks.enumerated().filter { $0.offset % every == 0 }.map(\.element)
      if haveRoom(kept, scale) { return kept }
    }
    return []
  }

  /// The same with the row of labels that each stands in: names that have no room in one row stand in two by turns.
  ///
  /// - Parameter values: where marks stand; few of them on a logarithmic axis are its ticks.
  package func rowsOfTicksAcross(_ scale: Scale, about count: Int, marksAt values: Set<Double> = []) -> [(
    value: Double, label: String, row: Int
  )] {
    let own = values.sorted().map { (value: $0, label: NumberText.tick($0)) }
    if kind == .logarithmic, (2...count).contains(own.count), haveRoom(own, scale) {
      return own.map { ($0.value, $0.label, 0) }
    }
    let (ticks, kept) = (ticks(in: scale.domain, about: count), ticksAcross(scale, about: count))
    let rows = (0..<2).map { row in ticks.enumerated().filter { $0.offset % 2 == row }.map(\.element) }
    guard case .categories = kind, kept.count < ticks.count, rows.allSatisfy({ haveRoom($0, scale) }) else {
      return kept.map { ($0.value, $0.label, 0) }
    }
    return ticks.enumerated().map { ($0.element.value, $0.element.label, $0.offset % 2) }
  }

  private func haveRoom(_ ticks: [(value: Double, label: String)], _ scale: Scale) -> Bool {
    zip(ticks, ticks.dropFirst()).allSatisfy { left, right in
      let needed = (LabelPlacement.width(of: left.label) + LabelPlacement.width(of: right.label)) / 2 + 6
      return abs(scale.position(right.value) - scale.position(left.value)) >= needed
    }
  }

  private func linearTicks(_ domain: ClosedRange<Double>, _ count: Int) -> [(value: Double, label: String)] {
    let scale = unit == .plain ? 1.0 : 100
    let scaled = domain.lowerBound * scale...domain.upperBound * scale
    let ticks = Ticks.linear(scaled, about: count)
    return ticks.values.map { value in
      let isLarge = abs(value) >= 10_000 && unit == .plain
      let text =
        isLarge ? NumberText.tick(value) : NumberText.fixed(value, ticks.digits, signed: unit == .change)
      return (value / scale, unit == .plain ? text : text + "\u{00A0}%")
    }
  }

  /// A value as the axis writes it, for descriptions.
  package func text(_ value: Double) -> String {
    switch (kind, unit) {
    case (.categories(let names), _):
      names.indices.contains { Double($0) == value } ? names[Int(value)] : NumberText.plain(value)
    case (_, .plain): NumberText.plain(value)
    case (_, .percent): NumberText.percent(value)
    case (_, .change): NumberText.percent(value, signed: true)
    }
  }
}
