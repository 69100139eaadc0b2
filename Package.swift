// swift-tools-version: 6.2
import PackageDescription

// CI makes warnings errors, in our own targets only.
let warnings: [SwiftSetting] =
  Context.environment["PROFS_WARNINGS_AS_ERRORS"] == nil ? [] : [.treatAllWarnings(as: .error)]
// Vector loops in registers of eight floats (AVX2), unless PROFS_PROCESSOR names another level, such as x86-64 for processors
// without; oneDNN and OpenBLAS choose when they run.
#if arch(x86_64) && os(Linux)
  let level = Context.environment["PROFS_PROCESSOR"] ?? "x86-64-v3"
  let processor: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=\(level)"])]
  let processorCheck: [CSetting] = level == "x86-64-v3" ? [.define("PROFS_NEEDS_V3")] : []
#else
  let processor: [SwiftSetting] = []
  let processorCheck: [CSetting] = []
#endif
let safe: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + warnings + processor
let strict: [SwiftSetting] = safe + [.strictMemorySafety()]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

// Imports go strictly downward, layer by layer; `Scripts/checks/Layering.swift` holds the targets to it.
let package = Package(
  name: "ProFS",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "ProFS", targets: ["ProFS"]),
    .executable(name: "profs", targets: ["profs"]),
  ],
  traits: [
    .trait(
      name: "MPI", description: "Work on many machines: fits and evaluations over Open MPI, under mpirun.")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    // Layer 0: system libraries, data, and what must be in C: a signal handler, and loops for several kinds of registers.
    .target(name: "CBusErrors"),
    .target(name: "CVectorLoops"),
    .target(name: "CProcessor", cSettings: processorCheck),
    .systemLibrary(
      name: "CBLAS", providers: [.apt(["libopenblas-openmp-dev"])]),
    .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl", .when(platforms: [.linux]))]),
    // Only with the trait MPI.
    .systemLibrary(name: "COpenMPI", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CPCRE2", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CUtf8proc", providers: [.apt(["libutf8proc-dev"])]),
    .target(name: "CNeutralText"),
    .target(name: "CScorerWeights", exclude: ["recipe.json", "scorer.safetensors"]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

    // Layers 1 and 2: bytes, then arithmetic.
    .target(name: "Storage", swiftSettings: strict),
    .target(
      name: "Kernels",
      dependencies: [
        "CBLAS", "COneDNN", "CVectorLoops", .target(name: "COpenMPI", condition: .when(traits: ["MPI"])),
        "Storage",
      ],
      swiftSettings: strict),

    // Layer 3: files and text.
    .target(name: "Checkpoints", dependencies: ["Storage", "Kernels"], swiftSettings: strict),
    .target(name: "Tokenization", dependencies: ["CPCRE2", "CUtf8proc", "Storage"], swiftSettings: safe),

    // Layer 4: the model, and the method on matrices alone.
    .target(
      name: "Transformer", dependencies: ["Storage", "Kernels", "Checkpoints", "Tokenization"],
      swiftSettings: safe),
    .target(name: "SubspaceEditing", dependencies: ["Kernels"], swiftSettings: safe),

    // Layer 5: the method on a checkpoint, and what judges it.
    .target(
      name: "Editing",
      dependencies: [
        "CNeutralText", "Storage", "Kernels", "Checkpoints", "Tokenization", "Transformer", "SubspaceEditing",
        crypto,
      ], swiftSettings: safe),
    .target(
      name: "Evaluation",
      dependencies: [
        "CScorerWeights", "Storage", "Kernels", "Checkpoints", "Tokenization", "Transformer", crypto,
      ],
      swiftSettings: safe),
    .target(
      name: "PreferenceData", dependencies: ["CZlib", "Storage", "Tokenization", "Transformer"],
      swiftSettings: safe),

    .target(
      name: "Training",
      dependencies: ["Storage", "Kernels", "Checkpoints", "Transformer", "SubspaceEditing"],
      swiftSettings: safe),

    // Layer 6: jobs of many runs.
    .target(
      name: "Studies",
      dependencies: [
        "Storage", "Kernels", "Tokenization", "Transformer", "SubspaceEditing", "Editing", "Evaluation",
        "PreferenceData", "Training",
      ], resources: [.embedInCode("Resources/studies.json")], swiftSettings: safe),

    .target(
      name: "Reporting", dependencies: ["Storage"],
      resources: [.embedInCode("Resources/report.css"), .embedInCode("Resources/report.js")],
      swiftSettings: safe),

    // Layer 7: the command.
    .target(
      name: "ProFSCommands",
      dependencies: [
        "CBusErrors", "Storage", "Kernels", "Checkpoints", "Tokenization", "Transformer", "SubspaceEditing",
        "Editing", "Evaluation", "PreferenceData", "Training", "Studies", "Reporting", argumentParser,
      ], resources: [.embedInCode("Resources/masked-stems.txt")], swiftSettings: safe),
    .target(
      name: "ProFS",
      dependencies: ["SubspaceEditing", "Editing", "Evaluation", "PreferenceData"],
      swiftSettings: safe),
    .executableTarget(name: "profs", dependencies: ["CProcessor", "ProFSCommands"], swiftSettings: safe),

    // For developers: makes the weights of the built-in scorer.
    .executableTarget(
      name: "train-scorer",
      dependencies: [
        "Storage", "Kernels", "Checkpoints", "Evaluation", "PreferenceData", argumentParser, crypto,
      ], swiftSettings: safe),

    // For developers: what this machine can do at most.
    .executableTarget(
      name: "measure-limits", dependencies: ["Storage", "Kernels", "ProFSCommands", argumentParser],
      swiftSettings: safe),

    .tests(of: "Storage", fixtures: false),
    .tests(of: "Kernels", with: ["Storage"]),
    .tests(of: "Checkpoints", with: ["Kernels", "Storage"]),
    .tests(of: "Tokenization", with: ["Checkpoints", "Storage"]),
    .tests(of: "Transformer", with: ["Checkpoints", "Kernels", "Storage", "Tokenization"]),
    .tests(
      of: "Evaluation",
      with: ["Checkpoints", "Kernels", "Storage", "Tokenization", "Transformer", "train-scorer", crypto]),
    .tests(of: "SubspaceEditing", with: ["Kernels"]),
    .tests(of: "Training", with: ["Checkpoints", "Kernels", "Storage", "Transformer"]),
    .tests(of: "PreferenceData", with: ["Tokenization", "Transformer"]),
    .tests(
      of: "Editing",
      with: [
        "Checkpoints", "Kernels", "PreferenceData", "ProFS", "Storage", "SubspaceEditing", "Tokenization",
        "Transformer",
      ]),
    .tests(
      of: "Studies",
      with: [
        "Checkpoints", "Editing", "Evaluation", "Kernels", "PreferenceData", "Storage", "SubspaceEditing",
        "Tokenization", "Transformer",
      ]),
    .tests(of: "Reporting", with: ["Storage"]),
    .tests(of: "ProFSCommands", with: ["Checkpoints", "Kernels", "Storage", "profs"]),
    // Every reader of files against damaged ones.
    .testTarget(
      name: "HostileInputTests",
      dependencies: [
        "CFuzzer", "Checkpoints", "Editing", "Evaluation", "Kernels", "PreferenceData", "Reporting",
        "Storage",
        "Studies", "SubspaceEditing", "Tokenization", "Training", "Transformer", crypto,
      ], swiftSettings: safe),
    .target(name: "CFuzzer", path: "Tests/CFuzzer"),
  ]
)

extension Target {
  /// The tests of one target, whose fixtures are read from the source tree.
  static func tests(of target: String, with others: [Dependency] = [], fixtures: Bool = true) -> Target {
    .testTarget(
      name: target + "Tests",
      dependencies: [.init(stringLiteral: target)] + others,
      exclude: fixtures ? ["Fixtures"] : [], swiftSettings: safe)
  }
}
