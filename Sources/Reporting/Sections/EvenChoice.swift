/// Some of many items, so that the choice looks like the whole.
package enum EvenChoice {
  /// At most `count` of `items`, the first and the last among them, evenly spaced.
  package static func of<Item>(_ items: [Item], count: Int) -> [Item] {
    guard items.count > count, count > 1 else { return Array(items.prefix(count)) }
    return (0..<count).map { items[$0 * (items.count - 1) / (count - 1)] }
  }
}
