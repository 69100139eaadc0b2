/// A study: its figures with their captions.
struct StudySection: Section {
  /// The study.
  let record: StudyRecord

  /// The title.
  var title: String { record.title }

  /// The figures with their captions.
  var html: HTML {
    HTML(
      record.figures.map { figure in
        element("figure") {
          element("h3", Attribute("dir", "auto")) { figure.title }
          figure.plot.html
          if !figure.caption.isEmpty { element("figcaption", Attribute("dir", "auto")) { figure.caption } }
        }
      })
  }
}
