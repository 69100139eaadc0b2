import Synchronization

/// Where files are mapped in this process, so that a fault on one of their pages can be told with the file's name.
///
/// Together with ``OpenOutputs`` the only global state: a fault knows nothing but its address.
package enum MappedRanges {
  private struct Mapping {
    let byteCount: Int
    let path: String
  }

  /// Mappings by the address of their first byte.
  private static let mappings = Mutex<[UInt: Mapping]>([:])

  /// What is wrong where a page at `address` could not be read; `nil` where no file is mapped there.
  ///
  /// For ordinary code, on another thread than the one at fault, which stands still meanwhile.
  package static func fault(at address: UInt) -> StorageError? {
    let found = mappings.withLock { mappings in
      // Mappings lie next to each other, each filling its last page: the last that begins before it is the one.
      mappings.filter { $0.key <= address }.max { $0.key < $1.key }
    }
    guard let (start, mapping) = found, address - start < pageRounded(mapping.byteCount) else { return nil }
    let offset = Int(address - start)
    if let size = FileSystem.size(of: mapping.path), size < mapping.byteCount {
      return StorageError(
        path: mapping.path, offset: offset,
        reason: "the file was shortened from \(mapping.byteCount) to \(size) bytes while it was being read; "
          + "put it back, and let no other program change it meanwhile")
    }
    return StorageError(
      path: mapping.path, offset: offset,
      reason: "the disk does not deliver this part of the file; check the disk, or fetch the file again")
  }

  /// Remembers the file that is mapped from `address` on.
  static func add(_ address: UInt, byteCount: Int, path: String) {
    mappings.withLock { $0[address] = Mapping(byteCount: byteCount, path: path) }
  }

  /// Forgets the file that was mapped from `address` on.
  static func remove(_ address: UInt) { mappings.withLock { $0[address] = nil } }

  private static func pageRounded(_ count: Int) -> UInt { (UInt(count) + 0xFFFF) & ~0xFFFF }
}
