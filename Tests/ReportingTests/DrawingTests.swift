import Foundation
import Reporting
import Testing

/// Scales, ticks, labels and the figures made of them.
@Suite struct DrawingTests {
  @Test(
    "ticks are round numbers within the domain",
    arguments: [
      (0.0...1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0], 1), (-52.6 ... -21.1, [-50, -45, -40, -35, -30, -25], 0),
      (19.2...29.2, [20, 22, 24, 26, 28], 0), (0.0121...0.0129, [0.0122, 0.0124, 0.0126, 0.0128], 4),
      (-1e12...1e12, [-1e12, -5e11, 0, 5e11, 1e12], 0),
    ])
  func ticks(_ domain: ClosedRange<Double>, _ expected: [Double], _ digits: Int) {
    let found = Ticks.linear(domain, about: 5)
    #expect(found.values.count == expected.count)
    #expect(
      zip(found.values, expected).allSatisfy { abs($0 - $1) <= 1e-9 * max(1, abs($1)) }, "\(found.values)")
    #expect(found.digits == digits)
  }

  @Test(
    "no domain gives more ticks than can be read, nor runs on for ever",
    arguments: [
      1.0...1.0, 1e15...(1e15 + 0.25), -1e308...1e308, 0.0...1e-300, -1e-9...1e15, 0.1...0.1000000001,
    ])
  func extremes(_ domain: ClosedRange<Double>) {
    #expect(Ticks.linear(domain, about: 5).values.count <= 12)
    let axis = Axis(label: "x")
    let scale = Scale(kind: .linear, domain: domain, range: (0, 100))
    for value in [domain.lowerBound, domain.upperBound, 0, -1e308, .infinity, .nan] {
      #expect((0...100).contains(scale.position(value)))
    }
    #expect(axis.domain(of: [domain.lowerBound, domain.upperBound]).contains(domain.lowerBound))
  }

  @Test("logarithmic ticks are powers of ten with their multiples, and never too many")
  func logarithmic() {
    #expect(Ticks.logarithmic(4...1250, about: 8) == [5, 10, 20, 50, 100, 200, 500, 1000])
    #expect(Ticks.logarithmic(4...1250, about: 4).count <= 6)
    #expect(Ticks.logarithmic(1e-15...1e15, about: 6).count <= 8)
    #expect(Ticks.logarithmic(-1...10, about: 6).isEmpty)
    let scale = Scale(kind: .logarithmic, domain: 1...100, range: (0, 200))
    #expect(abs(scale.position(10) - 100) < 1e-9 && scale.position(1) == 0 && scale.position(-5) == 0)
  }

  @Test("a figure has a logarithmic scale where most of its values would lie at the end of a linear one")
  func decades() {
    func spansDecades(_ values: [Interval], unit: Axis.Unit = .plain, kind: Axis.Kind = .linear) -> Bool {
      var plot = Plot(title: "", x: Axis(label: "x"), y: Axis(label: "y", kind: kind, unit: unit))
      plot.series = [Plot.Series(name: "a")]
      plot.series[0].marks = values.map { Plot.Mark(x: Interval(0), y: $0) }
      return plot.spansDecades
    }
    #expect(spansDecades([Interval(25), Interval(777), Interval(7261)]))
    #expect(!spansDecades([Interval(25), Interval(777)]) && !spansDecades([]))
    #expect(!spansDecades([Interval(25, lower: -2, upper: 50), Interval(7261)]))
    #expect(!spansDecades([Interval(0.001), Interval(0.4)], unit: .percent))
    #expect(!spansDecades([Interval(25), Interval(7261)], kind: .logarithmic))
  }

  @Test("a scale may run downward, and holds what lies beyond it at its ends")
  func scale() {
    let scale = Scale(kind: .linear, domain: -1...1, range: (300, 100))
    #expect(scale.position(-1) == 300 && scale.position(0) == 200 && scale.position(1) == 100)
    #expect(scale.position(7) == 100 && scale.position(-7) == 300)
  }

  @Test("axes include what they are told, begin at zero where values are near it, and name categories")
  func axes() {
    #expect(Axis(label: "a", includes: [0]).domain(of: [0.5, 1]).lowerBound == 0)
    let apart = Axis(label: "a").domain(of: [100, 110])
    #expect(apart.lowerBound > 99 && apart.lowerBound < 100 && apart.upperBound > 110)
    let named = Axis(label: "a", kind: .categories(["one", "two"]))
    #expect(named.ticks(in: named.domain(of: []), about: 4).map(\.label) == ["one", "two"])
    #expect(named.text(1) == "two" && named.text(9) == "9.00")
    // Names without room in one row stand in two by turns, and some are left out where there is none in those either.
    let names = Axis(label: "", kind: .categories((0..<6).map { "category \($0)" }))
    let domain = names.domain(of: [])
    for (width, rows) in [(900.0, [0, 0, 0, 0, 0, 0]), (300, [0, 1, 0, 1, 0, 1]), (150, [0, 0])] {
      let scale = Scale(kind: names.kind, domain: domain, range: (0, width))
      #expect(names.rowsOfTicksAcross(scale, about: 4).map(\.row) == rows, "\(width)")
    }
    let change = Axis(label: "a", unit: .change, limits: -0.5...0.5)
    #expect(
      change.ticks(in: -0.1...0.1, about: 4).map(\.label) == [
        "−10\u{A0}%", "−5\u{A0}%", "0\u{A0}%", "+5\u{A0}%", "+10\u{A0}%",
      ])
    #expect(change.shows(0.5) && !change.shows(0.51) && !change.shows(.nan))
  }

  @Test("names below each other stand as near to their lines as they can, in order, and within the figure")
  func column() {
    let area = LabelPlacement.Box(left: 0, top: 0, right: 200, bottom: 100)
    var placement = LabelPlacement(area: area)
    let heights = [50.0, 52, 10, 99, 98]
    let places = placement.column(heights.map { ("name", $0) }, x: 20)
    // Two are drawn apart from their mean, two up from the lower edge.
    let expected = [43.5, 58.5, 10, 92.5, 77.5]
    #expect(zip(places, expected).allSatisfy { abs($0.y - 4 - $1) < 1e-9 && $0.x == 20 })
    #expect(placement.taken.count == 5)
    for (index, box) in placement.taken.enumerated() {
      #expect(box.top >= 0 && box.bottom <= 100 && !placement.taken[..<index].contains(where: box.overlaps))
    }
  }

  @Test("labels keep clear of marks and of each other, and within the figure")
  func placement() {
    let area = LabelPlacement.Box(left: 0, top: 0, right: 300, bottom: 200)
    let marks = [(150.0, 100.0), (160, 104), (290, 20), (5, 190), (150, 100)]
    let taken = marks.map {
      LabelPlacement.Box(left: $0.0 - 5, top: $0.1 - 5, right: $0.0 + 5, bottom: $0.1 + 5)
    }
    var placement = LabelPlacement(area: area, taken: taken)
    for mark in marks { _ = placement.place("GPT-2 medium", besideX: mark.0, y: mark.1, radius: 4.5) }
    let labels = placement.taken.dropFirst(marks.count)
    #expect(labels.count == marks.count)
    for (index, label) in labels.enumerated() {
      #expect(label.left >= 0 && label.right <= 300 && label.top >= 0 && label.bottom <= 200)
      #expect(!taken.contains(where: label.overlaps))
      #expect(!labels.dropFirst(index + 1).contains(where: label.overlaps))
    }
  }

  @Test(
    "a plot draws each mark with its intervals, leaves out what lies beyond its limits, and says how much")
  func plot() {
    var plot = Plot(
      title: "<T>", x: Axis(label: "x", limits: 0...10), y: Axis(label: "y", unit: .percent))
    var first = Plot.Series(name: "first")
    first.line = .straight
    first.marks = [
      .init(x: Interval(1), y: Interval(0.5, lower: 0.4, upper: 0.6)),
      .init(x: Interval(2), y: Interval(0.6)),
      .init(x: Interval(11), y: Interval(0.6)),
    ]
    var second = Plot.Series(name: "first & last", isReference: true)
    second.marks = [.init(x: Interval(3, lower: 2, upper: 4), y: Interval(0.55), label: "a<b")]
    plot.series = [first, second]
    plot.guides = [.init(isVertical: true, value: 5, label: "half")]
    plot.assignColours()
    #expect(plot.hidden == 1)
    for width in [680.0, 340] {
      let svg = plot.drawing(width: width)
      #expect(svg == plot.drawing(width: width))
      #expect(svg.markup.components(separatedBy: "<title>").count - 1 == 3)
      #expect(svg.markup.components(separatedBy: "class=\"bar").count - 1 == 6)
      #expect(svg.markup.contains("aria-label=\"&lt;T&gt;\"") && svg.markup.contains("first &amp; last"))
      #expect(
        svg.markup.contains("y: 50.0\u{A0}% [40.0\u{A0}%, 60.0\u{A0}%]") && svg.markup.contains("a&lt;b"))
      #expect(!svg.markup.contains("nan") && !svg.markup.contains("inf"))
    }
  }

  @Test(
    "intervals of two series at one place stand side by side; names get no lines, few values ticks of their own"
  )
  func besides() throws {
    var plot = Plot(title: "T", x: Axis(label: "rank", kind: .logarithmic), y: Axis(label: "y"))
    plot.series = ["one", "other"].map { name in
      var series = Plot.Series(name: name)
      series.line = .straight
      series.marks = [1.0, 3, 7].map { .init(x: Interval($0), y: Interval($0 * 100, lower: 0, upper: 900)) }
      return series
    }
    plot.assignColours()
    /// The places across of upright bars, as many as there are marks.
    func bars(_ plot: Plot) -> Set<String> {
      Set(
        plot.drawing(width: 680).markup.matches(of: /<line x1="([^"]+)" y1="[^"]+" x2="\1"[^>]+class="bar/)
          .map { String($0.1) })
    }
    #expect(bars(plot).count == 6)
    let markup = plot.drawing(width: 680).markup
    for tick in ["1", "3", "7"] { #expect(markup.contains(">\(tick)</text>"), "\(tick)") }
    #expect(!markup.contains(">2</text>") && markup.contains("class=\"line"))
    // Marks at the beginning of the axis keep clear of the labels left of it.
    var fromZero = plot
    fromZero.x.kind = .linear
    for index in fromZero.series.indices { fromZero.series[index].marks[0].x = Interval(0) }
    let axis = fromZero.drawing(width: 680).markup.firstMatch(of: /<line x1="([^"]+)"[^>]+class="axis"/)
    let left = try #require(axis.flatMap { Double($0.1) })
    #expect(bars(fromZero).count == 6 && bars(fromZero).allSatisfy { Double($0) ?? 0 > left + 4 })
    plot.series[1].marks = plot.series[1].marks.map { .init(x: $0.x, y: Interval($0.y.value ?? 0)) }
    #expect(bars(plot).count == 3, "one series alone stays in its place")
    plot.x.kind = .categories(["a", "b", "c", "d", "e", "f", "g", "h"])
    #expect(!plot.drawing(width: 680).markup.contains("class=\"line"))
  }

  @Test("a plot of nothing, of one point or of extreme numbers is still a figure")
  func unusual() {
    for values in [[], [0.0], [1e-300], [-1e15, 1e15], [1e15, 1e15]] {
      for kind in [Axis.Kind.linear, .logarithmic, .categories([])] {
        var plot = Plot(title: "", x: Axis(label: "", kind: kind), y: Axis(label: ""))
        var series = Plot.Series(name: "s")
        series.marks = values.map { .init(x: Interval($0), y: Interval($0)) }
        plot.series = [series]
        let markup = plot.drawing(width: 680).markup
        #expect(!markup.contains("nan") && !markup.contains("inf") && markup.utf8.count < 20_000)
      }
    }
  }

  @Test("scores of any number of prompts are counted in a figure of bounded size")
  func scoreGrid() {
    var scores: [(base: Double, edited: Double)] = [(2, -1), (.nan, 0.5)]
    for number in 0..<10_000 { scores.append((Double(number % 100) / 99, Double(number / 100) / 99)) }
    let grid = ScoreGrid(scores)
    #expect(grid.counts.flatMap(\.self).reduce(0, +) == 10_002)
    #expect(grid.counts[19][0] >= 1)
    #expect(grid.changes.fell + grid.changes.stayed + grid.changes.rose == 10_002)
    #expect(grid.html.markup.utf8.count < 60_000)
  }

  @Test(
    "Wilson's interval is scipy's",
    arguments: [(8, 10, 0.4901624715, 0.9433178485), (0, 20, 0, 0.1611250944)])
  func wilson(_ successes: Int, _ count: Int, _ lower: Double, _ upper: Double) throws {
    let ends = try #require(Interval.share(Double(successes) / Double(count), of: count).ends)
    #expect(abs(ends.lowerBound - lower) < 1e-6 && abs(ends.upperBound - upper) < 1e-6)
  }

  @Test("the paper's models are known by the names of their folders, and by no others")
  func paper() {
    #expect(PaperFigures.row(forModel: "gpt2-medium")?.profs.perplexity == 32.50)
    #expect(PaperFigures.row(forModel: "Mistral-7B-v0.1")?.model == "Mistral 7B")
    #expect(PaperFigures.row(forModel: "mistral-7b-sft-beta")?.model == "Mistral 7B SFT")
    #expect(PaperFigures.row(forModel: "opt-6.7b.gguf")?.model == "OPT 6.7B")
    #expect(PaperFigures.row(forModel: "SmolLM2-135M") == nil && PaperFigures.row(forModel: "gpt2") == nil)
    let profs = PaperFigures.changes[1].marks[0]
    #expect(abs((profs.y.value ?? 0) + 0.441) < 1e-3 && abs((profs.x.value ?? 0) - 0.0943) < 1e-3)
  }
}
