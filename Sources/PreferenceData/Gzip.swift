internal import CZlib

/// Unpacking of gzip files (RFC 1952), one member or several.
enum Gzip {
  /// What a file of `count` bytes may unpack to.
  ///
  /// Text packs to a third or a tenth of its size, deflate at most to a thousandth: a file that grows more
  /// than a hundredfold is small enough not to matter, or made to exhaust memory.
  static func limit(packed count: Int) -> Int {
    min(DataFile.sizeLimit, max(1 << 24, min(count, DataFile.sizeLimit) * 100))
  }

  /// The unpacked bytes.
  ///
  /// Throws when the data is damaged, is truncated, is followed by something else, or exceeds `limit`.
  static func unpack(_ packed: [UInt8], source: String) throws(PreferenceDataError) -> [UInt8] {
    let limit = limit(packed: packed.count)
    var result: [UInt8] = []
    let outcome = packed.withUnsafeBufferPointer { packed in
      inflateAll(packed, limit: limit, into: &result)
    }
    switch outcome {
    case .done: return result
    case .truncated:
      throw PreferenceDataError(file: source, reason: "the gzip data ends too early; fetch it again")
    case .damaged(let reason):
      throw PreferenceDataError(
        file: source, reason: "expected gzip data, found damage (\(reason)); fetch it again, or drop the .gz")
    case .tooLarge:
      throw PreferenceDataError(
        file: source,
        reason: "the file unpacks to more than \(limit) bytes, which is not plausible for \(packed.count) "
          + "bytes of text; unpack it yourself if it is meant to")
    }
  }

  private enum Outcome {
    case done, truncated, tooLarge
    case damaged(String)
  }

  private static func inflateAll(
    _ packed: UnsafeBufferPointer<UInt8>, limit: Int, into result: inout [UInt8]
  ) -> Outcome {
    var stream = z_stream()
    guard profs_inflate_init_gzip(&stream) == Z_OK else { return .damaged("zlib does not start") }
    defer { inflateEnd(&stream) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var position = 0
    while true {
      // The counters are 32 bits wide, so the input is handed over in parts as well.
      let available = min(packed.count - position, 1 << 20)
      stream.next_in = packed.baseAddress.map { UnsafeMutablePointer(mutating: $0 + position) }
      stream.avail_in = UInt32(available)
      let (status, produced) = chunk.withUnsafeMutableBufferPointer { chunk in
        stream.next_out = chunk.baseAddress
        stream.avail_out = UInt32(chunk.count)
        let status = inflate(&stream, Z_NO_FLUSH)
        return (status, chunk.count - Int(stream.avail_out))
      }
      let consumed = available - Int(stream.avail_in)
      position += consumed
      guard result.count + produced <= limit else { return .tooLarge }
      result += chunk[..<produced]
      switch status {
      case Z_STREAM_END:
        // Another member may follow; zeros are padding of tapes and block devices.
        if packed[position...].allSatisfy({ $0 == 0 }) { return .done }
        guard inflateReset(&stream) == Z_OK else { return .damaged("zlib does not restart") }
      case Z_OK, Z_BUF_ERROR:
        if consumed == 0 && produced == 0 { return .truncated }
      default:
        return .damaged(stream.msg.map { String(cString: $0) } ?? "code \(status)")
      }
    }
  }
}
