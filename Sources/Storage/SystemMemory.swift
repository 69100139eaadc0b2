#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory that is left, so that what does not fit is refused before it is begun: a system that has promised more than it
/// has ends a process without a word.
package enum SystemMemory {
  /// Bytes that this process can still take; `nil` where the system does not say.
  ///
  /// On Linux the least of what the machine has (memory and swap), what the process's control group leaves it, and what
  /// `ulimit -v` leaves it.
  package static func available() -> Int? {
    #if canImport(Glibc)
      return [machine(), controlGroup(), addressSpace()].compactMap(\.self).min()
    #else
      return nil
    #endif
  }

  /// Gives back to the system what the C library keeps of memory that was freed, for the next to ask for it.
  ///
  /// It keeps buffers of up to 32 MB, and where they change in size, finds none that fits.
  package static func returnFree() {
    #if canImport(Glibc)
      // Of no header that the module has, and of no other C library.
      guard let symbol = unsafe dlsym(nil, "malloc_trim") else { return }
      let trim = unsafe unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)
      _ = trim(0)
    #endif
  }

  private static func text(_ path: String) -> Substring? {
    guard let bytes = try? FileSystem.readFile(path, limit: 1 << 20) else { return nil }
    return String(decoding: bytes, as: UTF8.self)[...]
  }

  /// The number after `name` in a text of lines such as `MemAvailable:  123 kB`.
  private static func number(_ name: String, in text: Substring) -> Int? {
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "\t" })
      if words.count > 1, words[0] == name { return Int(words[1]) }
    }
    return nil
  }

  private static func machine() -> Int? {
    guard let text = text("/proc/meminfo"), let free = number("MemAvailable", in: text) else { return nil }
    return (free + (number("SwapFree", in: text) ?? 0)) << 10
  }

  /// What version 2 of control groups leaves, pages of files counting as free.
  private static func controlGroup() -> Int? {
    let own = text("/proc/self/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }
    let folder = "/sys/fs/cgroup" + (own?.dropFirst(3) ?? "")
    func value(_ name: String) -> Int? {
      text(FileSystem.join(folder, name)).flatMap { Int($0.prefix { $0 != "\n" }) }
    }
    guard let limit = value("memory.max"), let used = value("memory.current") else { return nil }
    let files = text(FileSystem.join(folder, "memory.stat")).flatMap { number("file", in: $0) } ?? 0
    return max(0, limit - max(0, used - files))
  }

  private static func addressSpace() -> Int? {
    #if canImport(Glibc)
      var limits = rlimit()
      guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limits) == 0,
        let limit = Int(exactly: limits.rlim_cur),
        let pages = text("/proc/self/statm")?.split(separator: " ").first.flatMap({ Int($0) })
      else { return nil }
      return max(0, limit - pages * Int(sysconf(Int32(_SC_PAGESIZE))))
    #else
      return nil
    #endif
  }
}
