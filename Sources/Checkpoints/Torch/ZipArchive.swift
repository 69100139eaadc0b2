import Storage

/// The directory of a zip archive, whose members can be used where they are stored as they are, not compressed.
///
/// | part | content that is read (little-endian) |
/// |---|---|
/// | members | each: `PK\3\4`, 22 bytes, u16 name length, u16 extra length, name, extra, the bytes |
/// | directory | each: `PK\1\2`, u16 ×2 versions, u16 flags, u16 method, u32 time, u32 CRC, u32 size stored, u32 size, u16 lengths of name, extra and comment, 8 bytes, u32 offset of the member; name, extra, comment |
/// | zip64 end | `PK\6\6`, 28 bytes, u64 entries, u64 size and u64 offset of the directory |
/// | zip64 locator | `PK\6\7`, u32 disk, u64 offset of the zip64 end, u32 disks |
/// | end | `PK\5\6`, 6 bytes, u16 entries, u32 size and u32 offset of the directory, u16 comment length, comment |
///
/// A size or offset of 2³² − 1 is found as a u64 in the entry's extra field 1, in the order size, stored size,
/// offset. CRCs are not checked: it would mean reading everything.
struct ZipArchive {
  /// One member.
  struct Member {
    /// Its bytes as they are stored, counted from the start of the file.
    let range: Range<Int>
    /// What they are stored with: 0 for nothing.
    let method: UInt16
  }

  /// The archive's path.
  let path: String
  /// The members, by name.
  let members: [String: Member]

  /// Reads the directory of the archive at `path`, whose bytes are lent.
  ///
  /// Throws when a member is encrypted or named twice, or when members overlap one another or the directory.
  @unsafe
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    var reader = unsafe ZipReader(bytes, path: path)
    members = try reader.members()
    self.path = path
  }

  /// Where the bytes of the member `name` lie; `nil` when there is none.
  ///
  /// Throws when they are compressed.
  func range(of name: String) throws(CheckpointError) -> Range<Int>? {
    guard let member = members[name] else { return nil }
    guard member.method == 0 else {
      throw CheckpointError(
        path: path, subject: "member \"\(name)\"", offset: member.range.lowerBound,
        reason: "it is compressed (method \(member.method)), which torch does not do",
        advice: "pack the archive again without compression (zip -0), or save the checkpoint again")
    }
    return member.range
  }
}

/// Reads the parts of one archive.
@safe
private struct ZipReader {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  /// The member being read, for messages.
  private var subject: String?

  @unsafe
  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    unsafe self.bytes = bytes
    self.path = path
  }

  /// The directory's place, as the end of the archive has it.
  private struct Directory {
    var entries: Int
    var start: Int
    var end: Int
  }

  mutating func members() throws -> [String: ZipArchive.Member] {
    let directory = try directory()
    var reader = try self.reader(at: directory.start, upTo: directory.end)
    var members = [String: ZipArchive.Member](minimumCapacity: directory.entries)
    // The least an entry takes is 46 bytes, so the count is in proportion to the file.
    for _ in 0..<directory.entries {
      subject = nil
      let (name, member) = try member(&reader, directory)
      if members.updateValue(member, forKey: name) != nil {
        throw fail("this name occurs twice", member.range.lowerBound)
      }
    }
    let order = members.sorted { $0.value.range.lowerBound < $1.value.range.lowerBound }
    // A member's own header stands between: not even empty ones share a place.
    for (before, after) in zip(order, order.dropFirst())
    where after.value.range.lowerBound < before.value.range.upperBound {
      subject = "member \"\(after.key)\""
      throw fail("its bytes begin inside those of member \"\(before.key)\"", after.value.range.lowerBound)
    }
    return members
  }

  // MARK: Directory

  private func directory() throws -> Directory {
    let end = try endRecord()
    var reader = try self.reader(at: end + 10, upTo: unsafe bytes.count)
    let entries = Int(try reader.read("the number of members", as: UInt16.self))
    let size = Int(try reader.read("the directory's size", as: UInt32.self))
    let start = Int(try reader.read("the directory's offset", as: UInt32.self))
    var directory = Directory(entries: entries, start: start, end: start + size)
    var limit = end
    if entries == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
      (directory, limit) = try largeDirectory(before: end)
    }
    guard directory.end <= limit else {
      throw fail(
        "the directory is said to end at byte \(directory.end), but what follows it is at \(limit)", end)
    }
    guard directory.entries <= (directory.end - directory.start) / 46 else {
      throw fail(
        "the directory of \(directory.end - directory.start) bytes cannot have \(directory.entries) entries",
        end)
    }
    return directory
  }

  /// Where the end record begins: a comment may follow it.
  private func endRecord() throws -> Int {
    let least = 22
    var place = unsafe bytes.count - least
    let first = max(0, place - 0xFFFF)
    while place >= first {
      if signature(at: place) == 0x0605_4B50 {
        let comment = unsafe Int(bytes[place + 20]) | Int(bytes[place + 21]) << 8
        if unsafe place + least + comment == bytes.count { return place }
      }
      place -= 1
    }
    throw fail("the directory that ends a zip archive is missing", unsafe bytes.count)
  }

  private func largeDirectory(before end: Int) throws -> (Directory, limit: Int) {
    let locator = end - 20
    guard locator >= 0, signature(at: locator) == 0x0706_4B50 else {
      throw fail("the zip64 locator is missing", max(0, locator))
    }
    var reader = try self.reader(at: locator + 8, upTo: end)
    let place = try reader.readCount(limit: locator, "the zip64 end's offset")
    guard signature(at: place) == 0x0606_4B50 else { throw fail("the zip64 end is missing", place) }
    reader = try self.reader(at: place + 32, upTo: locator)
    let entries = try reader.readCount("the number of members")
    let size = try reader.readCount(limit: place, "the directory's size")
    let start = try reader.readCount(limit: place - size, "the directory's offset")
    return (Directory(entries: entries, start: start, end: start + size), place)
  }

  // MARK: Members

  private mutating func member(
    _ reader: inout ByteReader, _ directory: Directory
  ) throws -> (name: String, member: ZipArchive.Member) {
    let place = reader.offset
    guard try reader.read("a member's entry", as: UInt32.self) == 0x0201_4B50 else {
      throw fail("expected an entry of the directory", place)
    }
    _ = try reader.readRange(4, "the versions")
    let flags = try reader.read("the flags", as: UInt16.self)
    let method = try reader.read("the method", as: UInt16.self)
    _ = try reader.readRange(8, "the time and the CRC")
    var stored = Int(try reader.read("the stored size", as: UInt32.self))
    var size = Int(try reader.read("the size", as: UInt32.self))
    let nameCount = Int(try reader.read("the name's length", as: UInt16.self))
    let extraCount = Int(try reader.read("the extra field's length", as: UInt16.self))
    let commentCount = Int(try reader.read("the comment's length", as: UInt16.self))
    _ = try reader.readRange(8, "the attributes")
    var offset = Int(try reader.read("the offset", as: UInt32.self))
    let name = try reader.readBytes(nameCount, "the name")
    guard let text = String(validating: name, as: UTF8.self) else {
      throw fail("a member's name is not UTF-8", place)
    }
    subject = "member \"\(text)\""
    let extra = try reader.readRange(extraCount, "the extra field")
    _ = try reader.readRange(commentCount, "the comment")
    if size == 0xFFFF_FFFF || stored == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      try readLarge(extra, &size, &stored, &offset)
    }
    guard flags & 1 == 0 else { throw fail("it is encrypted", place, advice: "decrypt the archive first") }
    guard method != 0 || stored == size else {
      throw fail("it is not compressed, but has \(size) bytes stored in \(stored)", place)
    }
    let range = try bytesOfMember(name, at: offset, size: stored, directory)
    return (text, ZipArchive.Member(range: range, method: method))
  }

  /// Replaces what did not fit 32 bits by the 64-bit numbers of extra field 1.
  private func readLarge(
    _ extra: Range<Int>, _ size: inout Int, _ stored: inout Int, _ offset: inout Int
  ) throws {
    var reader = try self.reader(at: extra.lowerBound, upTo: extra.upperBound)
    while reader.remaining > 0 {
      let kind = try reader.read("an extra field's kind", as: UInt16.self)
      let count = Int(try reader.read("an extra field's length", as: UInt16.self))
      let field = try reader.readRange(count, "an extra field")
      guard kind == 1 else { continue }
      reader = try self.reader(at: field.lowerBound, upTo: field.upperBound)
      if size == 0xFFFF_FFFF { size = try reader.readCount("the 64-bit size") }
      if stored == 0xFFFF_FFFF { stored = try reader.readCount("the 64-bit stored size") }
      if offset == 0xFFFF_FFFF { offset = try reader.readCount("the 64-bit offset") }
      return
    }
    throw fail("its 64-bit sizes are missing", extra.lowerBound)
  }

  /// Where the member's bytes lie, behind its own header at `offset`.
  private func bytesOfMember(
    _ name: [UInt8], at offset: Int, size: Int, _ directory: Directory
  ) throws -> Range<Int> {
    var reader = try self.reader(at: min(offset, directory.start), upTo: directory.start)
    guard try reader.read("the member's header", as: UInt32.self) == 0x0403_4B50 else {
      throw fail("expected the member's header", offset)
    }
    _ = try reader.readRange(22, "the member's header")
    let nameCount = Int(try reader.read("the name's length", as: UInt16.self))
    let extraCount = Int(try reader.read("the extra field's length", as: UInt16.self))
    guard try reader.readBytes(nameCount, "the name") == name else {
      throw fail("the member's header has another name than the directory", offset)
    }
    _ = try reader.readRange(extraCount, "the extra field")
    return try reader.readRange(size, "the member")
  }

  // MARK: Bytes

  /// A reader of the bytes up to `end` whose offsets count from the start of the file.
  private func reader(at start: Int, upTo end: Int) throws -> ByteReader {
    var reader = unsafe ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<end]), path: path)
    _ = try reader.readRange(start, "the archive")
    return reader
  }

  /// The four bytes at `place`, which is at least four bytes before the end.
  private func signature(at place: Int) -> UInt32 {
    guard place >= 0, unsafe place <= bytes.count - 4 else { return 0 }
    return UInt32(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
  }

  private func fail(
    _ reason: String, _ offset: Int, advice: String = CheckpointError.fetchAgain
  ) -> CheckpointError {
    CheckpointError(path: path, subject: subject, offset: offset, reason: reason, advice: advice)
  }
}
