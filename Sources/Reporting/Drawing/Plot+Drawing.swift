extension Plot {
  /// The figure `width` units wide, as inline SVG: names of series stand at their last marks where there is room, else in
  /// lines above.
  package func drawing(width: Double) -> HTML {
    PlotDrawing(self, width: width).html
  }

  /// The figure for a desk and for a phone, of which the style sheet shows one.
  var html: HTML {
    HTML([
      element("div", .class("wide")) { drawing(width: 680) },
      element("div", .class("narrow")) { drawing(width: 340) },
    ])
  }
}

/// A plot with its scales, at one width.
private struct PlotDrawing {
  private let plot: Plot
  private let width: Double
  private let height: Double
  private let isWide: Bool
  private let area: LabelPlacement.Box
  private let x: Scale
  private let y: Scale
  private let xTicks: [(value: Double, label: String, row: Int)]
  /// Rows of labels below the figure, 1 or 2.
  private let xRows: Double
  private let yTicks: [(value: Double, label: String)]
  private let legend: [Plot.Series]
  /// How far the marks of each series stand beside their places, so that intervals at one place do not cover each other.
  private let shifts: [Double]

  init(_ plot: Plot, width: Double) {
    self.plot = plot
    self.width = width
    isWide = width > 500
    let named = plot.series.filter { $0.isNamed && $0.marks.contains(where: plot.isShown) }
    let hasLines = named.contains { $0.line == .straight }
    legend = named.count > 1 && !(isWide && hasLines) ? named : []
    let shown = plot.series.flatMap(\.marks).filter(plot.isShown)
    func values(_ axis: KeyPath<Plot.Mark, Interval>) -> [Double] {
      shown.flatMap { mark in
        [mark[keyPath: axis].value, mark[keyPath: axis].lower, mark[keyPath: axis].upper].compactMap(\.self)
      }
    }
    let xDomain = plot.x.domain(of: values(\.x) + plot.guides.filter(\.isVertical).map(\.value))
    let yDomain = plot.y.domain(of: values(\.y) + plot.guides.filter { !$0.isVertical }.map(\.value))
    yTicks = plot.y.ticks(in: yDomain, about: 5)
    let left = 12 + (yTicks.map { LabelPlacement.width(of: $0.label) }.max() ?? 20)
    let names =
      isWide && hasLines && named.count > 1
      ? named.map { LabelPlacement.width(of: $0.name) }.max() ?? 0 : 0
    let lines = Double((Self.places(legend, width).last?.line ?? -1) + 1)
    let top = 30 + lines * 18 + (lines > 0 ? 6 : 0)
    let right = width - 14 - min(names, 200)
    shifts = Self.shifts(plot, Scale(kind: plot.x.kind, domain: xDomain, range: (left, right)))
    // Room for marks that stand beside the axis's ends, where labels of the other axis are.
    let furthest = shifts.map(abs).max() ?? 0
    let room = furthest > 0 ? furthest + 6 : 0
    x = Scale(kind: plot.x.kind, domain: xDomain, range: (left + room, right - room))
    xTicks = plot.x.rowsOfTicksAcross(
      x, about: isWide ? 8 : 4, marksAt: Set(shown.compactMap(\.x.value)))
    xRows = Double((xTicks.map(\.row).max() ?? 0) + 1)
    let below = 30 + 16 * xRows
    height = (isWide ? 350 : 270) * plot.relativeHeight + top - 76 + below
    area = LabelPlacement.Box(left: left, top: top, right: right, bottom: height - below)
    y = Scale(kind: plot.y.kind, domain: yDomain, range: (area.bottom, area.top))
  }

  var html: HTML {
    element(
      "svg", Attribute("viewBox", "0 0 \(NumberText.coordinate(width)) \(NumberText.coordinate(height))"),
      Attribute("role", "img"), Attribute("aria-label", plot.title), .class("plot")
    ) {
      zip(legend, Self.places(legend, width)).map { legendEntry($0, x: $1.x, line: $1.line) }
      axes
      plot.guides.map(guide)
      plot.series.indices.map(line)
      plot.series.indices.map(intervals)
      plot.series.indices.map(marks)
      labels
    }
  }

  private func text(
    _ text: String, _ x: Double, _ y: Double, anchor: String = "start", class name: String = "tick"
  ) -> HTML {
    element("text", Attribute("x", x), Attribute("y", y), Attribute("text-anchor", anchor), .class(name)) {
      text
    }
  }

  private func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ name: String) -> HTML {
    element(
      "line", Attribute("x1", x1), Attribute("y1", y1), Attribute("x2", x2), Attribute("y2", y2), .class(name)
    )
  }

  // MARK: Axes

  private var axes: HTML {
    HTML([
      HTML(
        yTicks.map { tick in
          let place = y.position(tick.value)
          return HTML([
            segment(area.left, place, area.right, place, "grid"),
            text(tick.label, area.left - 8, place + 4, anchor: "end"),
          ])
        }),
      segment(area.left, area.bottom, area.right, area.bottom, "axis"),
      HTML(
        xTicks.map { tick in
          let place = x.position(tick.value)
          return HTML([
            segment(place, area.bottom, place, area.bottom + 5, "axis"),
            text(tick.label, place, area.bottom + 19 + Double(tick.row) * 16, anchor: "middle"),
          ])
        }),
      text(plot.y.label, 0, area.top - 14, class: "label"),
      text(
        plot.x.label, area.right, area.bottom + 22 + 16 * xRows, anchor: "end", class: "label"),
    ])
  }

  private func guide(_ guide: Plot.Guide) -> HTML {
    if guide.isVertical {
      let place = x.position(guide.value)
      let isNearEnd = place + LabelPlacement.width(of: guide.label) + 6 > area.right
      return HTML([
        segment(place, area.top, place, area.bottom, "guide"),
        text(
          guide.label, place + (isNearEnd ? -5 : 5), area.top + 10, anchor: isNearEnd ? "end" : "start",
          class: "tick"),
      ])
    }
    let place = y.position(guide.value)
    return HTML([
      segment(area.left, place, area.right, place, "guide"),
      text(guide.label, area.right, place - 5, anchor: "end", class: "tick"),
    ])
  }

  // MARK: Series

  private func shown(_ series: Plot.Series) -> [Plot.Mark] { series.marks.filter(plot.isShown) }

  private func point(_ mark: Plot.Mark, _ index: Int) -> (x: Double, y: Double) {
    (x.position(mark.x.value ?? 0) + shifts[index], y.position(mark.y.value ?? 0))
  }

  /// Of each series; 0 where fewer than two have intervals at the same places, or marks have intervals across.
  private static func shifts(_ plot: Plot, _ scale: Scale) -> [Double] {
    let none = plot.series.map { _ in 0.0 }
    let shown = plot.series.map { $0.marks.filter(plot.isShown) }
    guard !shown.joined().contains(where: { $0.x.ends != nil }) else { return none }
    let beside = shown.indices.filter { shown[$0].contains { $0.y.ends != nil } }
    let places = beside.map { Set(shown[$0].compactMap(\.x.value)) }
    guard beside.count > 1, let first = places.first,
      places.dropFirst().contains(where: { !$0.isDisjoint(with: first) })
    else { return none }
    let positions = Set(shown.joined().compactMap(\.x.value)).map(scale.position).sorted()
    let gap = zip(positions, positions.dropFirst()).map { $1 - $0 }.min() ?? 100
    let step = min(9, 0.5 * gap / Double(beside.count))
    var shifts = none
    for (order, index) in beside.enumerated() {
      shifts[index] = step * (Double(order) - Double(beside.count - 1) / 2)
    }
    return shifts
  }

  /// Names have no order along which anything would rise or fall.
  private func hasLine(_ series: Plot.Series) -> Bool {
    if case .categories = plot.x.kind { return false }
    return series.line != .none
  }

  private func line(_ index: Int) -> HTML {
    let series = plot.series[index]
    let points = shown(series).map { point($0, index) }
    guard hasLine(series), points.count > 1, let first = points.first else { return HTML() }
    var path = "M\(NumberText.coordinate(first.x)) \(NumberText.coordinate(first.y))"
    for point in points.dropFirst() {
      let (x, y) = (NumberText.coordinate(point.x), NumberText.coordinate(point.y))
      path += series.line == .steps ? "H\(x)V\(y)" : "L\(x) \(y)"
    }
    return element(
      "path", Attribute("d", path), .class("line \(series.colour)\(series.isReference ? " reference" : "")"))
  }

  private func intervals(_ index: Int) -> HTML {
    let series = plot.series[index]
    return HTML(
      shown(series).map { mark in
        let place = point(mark, index)
        var bars: [HTML] = []
        if let ends = mark.y.ends {
          let (low, high) = (y.position(ends.lowerBound), y.position(ends.upperBound))
          bars.append(segment(place.x, low, place.x, high, "bar \(series.colour)"))
          bars += [low, high].map { segment(place.x - 4, $0, place.x + 4, $0, "bar \(series.colour)") }
        }
        if let ends = mark.x.ends {
          let (low, high) = (x.position(ends.lowerBound), x.position(ends.upperBound))
          bars.append(segment(low, place.y, high, place.y, "bar \(series.colour)"))
          bars += [low, high].map { segment($0, place.y - 4, $0, place.y + 4, "bar \(series.colour)") }
        }
        return HTML(bars)
      })
  }

  private func marks(_ index: Int) -> HTML {
    let series = plot.series[index]
    return HTML(
      shown(series).map { mark in
        let place = point(mark, index)
        return element(
          "path", Attribute("d", series.symbol.path(place.x, place.y, radius: mark.radius)),
          .class("mark \(series.colour)\(series.isReference ? " reference" : "")")
        ) {
          element("title") { description(mark, series) }
        }
      })
  }

  private func description(_ mark: Plot.Mark, _ series: Plot.Series) -> String {
    func value(_ interval: Interval, _ axis: Axis) -> String {
      let ends = interval.ends.map { " [\(axis.text($0.lowerBound)), \(axis.text($0.upperBound))]" } ?? ""
      return "\(axis.label): \(axis.text(interval.value ?? 0))\(ends)"
    }
    let head = [series.name, mark.label, mark.note].compactMap(\.self).filter { !$0.isEmpty }
    let deviation = mark.deviation.map { "standard deviation: \(plot.y.text($0))" }
    return (head + [value(mark.x, plot.x), value(mark.y, plot.y)] + [deviation].compactMap(\.self))
      .joined(separator: "\n")
  }

  // MARK: Names

  /// What a mark covers with its intervals; marks too small to be hidden cover nothing.
  private func boxes(_ mark: Plot.Mark, _ index: Int) -> [LabelPlacement.Box] {
    guard mark.radius > 3 else { return [] }
    let place = point(mark, index)
    let r = mark.radius + 1
    var boxes = [
      LabelPlacement.Box(left: place.x - r, top: place.y - r, right: place.x + r, bottom: place.y + r)
    ]
    if let ends = mark.x.ends {
      boxes.append(
        .init(
          left: x.position(ends.lowerBound), top: place.y - 4, right: x.position(ends.upperBound),
          bottom: place.y + 4))
    }
    if let ends = mark.y.ends {
      boxes.append(
        .init(
          left: place.x - 4, top: y.position(ends.upperBound), right: place.x + 4,
          bottom: y.position(ends.lowerBound)))
    }
    return boxes
  }

  /// Where the entries of the legend begin: side by side, in as many lines as they need.
  private static func places(_ legend: [Plot.Series], _ width: Double) -> [(x: Double, line: Int)] {
    var (x, line) = (0.0, 0)
    return legend.map { series in
      let needed = 24 + LabelPlacement.width(of: series.name)
      if x > 0, x + needed > width { (x, line) = (0, line + 1) }
      defer { x += needed + 24 }
      return (x, line)
    }
  }

  private func legendEntry(_ series: Plot.Series, x: Double, line: Int) -> HTML {
    let y = 8 + Double(line) * 18
    let look = series.isReference ? " reference" : ""
    let radius = min(4.5, series.marks.first?.radius ?? 4.5)
    return HTML([
      !hasLine(series) ? HTML() : segment(x, y, x + 18, y, "line \(series.colour)\(look)"),
      element(
        "path", Attribute("d", series.symbol.path(x + 9, y, radius: radius)),
        .class("mark \(series.colour)\(look)")),
      text(series.name, x + 22, y + 4, class: "name"),
    ])
  }

  private var namesStandAtLines: Bool { isWide && legend.isEmpty && plot.series.count > 1 }

  /// The series that go as far as any does, so that their names have room behind them, below each other.
  private var namesInColumn: [Int] {
    guard namesStandAtLines else { return [] }
    let lasts = plot.series.map { series in
      series.isNamed && series.line == .straight
        ? shown(series).last.map { x.position($0.x.value ?? 0) } : nil
    }
    let most = lasts.compactMap(\.self).max() ?? 0
    let found = lasts.indices.filter { index in lasts[index].map { $0 > most - 1 } ?? false }
    return found.count > 1 ? found : []
  }

  private var labels: HTML {
    let room = LabelPlacement.Box(left: area.left, top: area.top - 6, right: width, bottom: area.bottom)
    let taken = plot.series.indices.flatMap { index in
      shown(plot.series[index]).flatMap { boxes($0, index) }
    }
    var placement = LabelPlacement(area: room, taken: taken)
    var texts: [HTML] = []
    func place(_ label: String, _ mark: Plot.Mark, _ index: Int, _ name: String) {
      let point = point(mark, index)
      let place = placement.place(label, besideX: point.x, y: point.y, radius: mark.radius)
      texts.append(text(label, place.x, place.y, anchor: place.anchor, class: name))
    }
    let column = namesInColumn
    let lasts = column.compactMap { index in shown(plot.series[index]).last.map { point($0, index) } }
    let places = placement.column(
      zip(column, lasts).map { (plot.series[$0].name, $1.y) }, x: (lasts.map(\.x).max() ?? 0) + 10)
    for (index, place) in zip(column, places) {
      let series = plot.series[index]
      texts.append(text(series.name, place.x, place.y, anchor: place.anchor, class: "name \(series.colour)"))
    }
    for (index, series) in plot.series.enumerated() {
      let marks = shown(series)
      for mark in marks { if let label = mark.label { place(label, mark, index, "name \(series.colour)") } }
      if namesStandAtLines, series.isNamed, series.line == .straight, !column.contains(index),
        let last = marks.last
      {
        place(series.name, last, index, "name \(series.colour)")
      }
    }
    return HTML(texts)
  }
}
