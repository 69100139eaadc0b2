import Foundation
import Kernels
import Storage
import Testing
import Transformer

/// Memory that is not there is told before a pass begins, not by the system while it runs.
@Suite struct MemoryRoomTests {
  private static func plan() throws -> MemoryPlan {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/llama-tied")
    let model = try Model(path: folder.path)
    let context = ComputeContext(threads: 1, precision: .f32)
    return try MemoryPlan(model, context, TokenForest([Array(0..<20)], chunkTokens: 64))
  }

  @Test("What is left is no more than the machine has, and a plan that fits is let through")
  func fits() throws {
    let available = try #require(SystemMemory.available())
    #expect(available > 1 << 24 && available <= 2 * Int(ProcessInfo.processInfo.physicalMemory))
    try Self.plan().requireRoom(for: "model")
  }

  @Test("A plan for more than is left is refused with both sizes and what takes most")
  func refused() throws {
    var plan = try Self.plan()
    plan.add(.init("embeddings of 9 pairs", 1 << 50))
    #expect {
      try plan.requireRoom(for: "model")
    } throws: {
      let text = "\($0)"
      return $0 is ModelError && text.contains("most of it for embeddings of 9 pairs (1125899907 MB)")
        && text.contains("are left") && text.contains("--limit")
    }
    #expect { try MappedFile(zeroedBytes: 1 << 50, name: "m in memory") } throws: {
      "\($0)".contains("m in memory: this needs 1125899906842624 bytes of memory")
    }
  }

  @Test("What is held at another time raises a plan to itself, not by itself")
  func covered() {
    var plan = MemoryPlan([.init("a", 30), .init("b", 20)])
    plan.cover(.init("before", 49))
    #expect(plan.items.map(\.bytes) == [30, 20])
    plan.cover(.init("before", 80))
    #expect(plan.items.map(\.bytes) == [30, 20, 30] && plan.total == 80)
  }

  @Test("A limit on the address space counts")
  func limited() async {
    await #expect(processExitsWith: .success) {
      let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
      let used = try #require(Int(pages[0])) * sysconf(Int32(_SC_PAGESIZE))
      var limit = rlimit(rlim_cur: rlim_t(used + 64 << 20), rlim_max: rlim_t.max)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0)
      let available = try #require(SystemMemory.available())
      #expect(available <= 64 << 20)
    }
  }
}
