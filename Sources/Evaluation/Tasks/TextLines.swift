/// The lines of a text that have something on them.
///
/// A line ends at a line feed, with or without a carriage return before it. A byte order mark is left out.
struct TextLines {
  private let bytes: [UInt8]
  private var position: Int
  private var number = 0

  /// The lines of `bytes`.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  /// The next line without its end, and its number from 1; nil after the last.
  mutating func next() -> (bytes: ArraySlice<UInt8>, number: Int)? {
    while position < bytes.count {
      let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
      var line = bytes[position..<end]
      (position, number) = (end + 1, number + 1)
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if !line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { return (line, number) }
    }
    return nil
  }
}
