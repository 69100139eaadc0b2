internal import Checkpoints
internal import Storage

/// A LoRA adapter in PEFT's format: W′ = W + s B A for the matrices of some modules.
///
/// | in `adapter_config.json` | what it says |
/// |---|---|
/// | `peft_type` | `LORA` |
/// | `r`, `lora_alpha` | s = α / r, or α / √r with `use_rslora` |
/// | `rank_pattern`, `alpha_pattern` | other numbers for modules whose names end in a key |
///
/// | tensor of `adapter_model.safetensors`, or of `.bin` | shape |
/// |---|---|
/// | `base_model.model.MODULE.lora_A.weight` | `[r, inputs]` |
/// | `base_model.model.MODULE.lora_B.weight` | `[outputs, r]` |
///
/// Which modules are adapted is read off the tensors, all of which must be such factors; `target_modules` can be a pattern.
struct PEFTAdapter {
  /// A module's factors.
  struct Module {
    /// The module's whole name as transformers has it, `model.layers.12.mlp.down_proj`.
    let name: String
    /// A.
    let input: TensorEntry
    /// B.
    let output: TensorEntry
    /// s.
    let scale: Double
  }

  /// The folder.
  let path: String
  /// The factors.
  let tensors: TensorStore
  /// The adapted modules in the order of their names.
  let modules: [Module]

  private static let configName = "adapter_config.json"
  private static let prefix = "base_model.model."
  private static let suffixes = (input: ".lora_A.weight", output: ".lora_B.weight")
  /// Settings by which a module computes something else than W x + s B A x, or by which more than matrices changes.
  private static let otherKinds = [
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "modules_to_save", "layer_replication",
    "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config", "kasa_config",
    "velora_config", "monteclora_config",
  ]

  /// Whether the folder at `path` holds an adapter and no model.
  static func isAdapter(_ path: String) -> Bool {
    FileSystem.kind(of: FileSystem.join(path, configName)) == .file
      && FileSystem.kind(of: FileSystem.join(path, "config.json")) == nil
  }

  /// Opens the adapter in the folder at `path`; no more than headers and settings are read.
  ///
  /// - Throws: where it is of another kind, or its factors do not fit each other.
  init(path: String) throws {
    self.path = path
    let configPath = FileSystem.join(path, Self.configName)
    let config = try JSONDocument(
      parsing: FileSystem.readFile(configPath, limit: 16 << 20), source: configPath
    ).root
    try Self.refuseOtherKinds(config, configPath)
    let name = "adapter_model"
    let isTorch = [".bin", ".bin.index.json"].contains { FileSystem.exists(FileSystem.join(path, name + $0)) }
    let hasSafetensors = [".safetensors", ".safetensors.index.json"].contains {
      FileSystem.exists(FileSystem.join(path, name + $0))
    }
    tensors =
      try isTorch && !hasSafetensors
      ? TorchFolder(path: path, name: name).tensors : SafetensorsFolder(path: path, name: name).tensors
    let scaling = try Scaling(config, configPath)
    var modules: [Module] = []
    for entry in tensors.entries {
      guard let (name, isInput) = Self.module(of: entry.name) else {
        throw ModelError(
          path,
          "tensor \"\(entry.name)\" is no factor of a matrix's adapter; merge the adapter into its base with PEFT "
            + "(merge_and_unload) and give the model that makes")
      }
      let other = Self.prefix + name + (isInput ? Self.suffixes.output : Self.suffixes.input)
      guard let partner = tensors[other] else {
        throw ModelError(
          path, "tensor \"\(entry.name)\" is there without \"\(other)\"; fetch the adapter again")
      }
      guard isInput else { continue }
      guard entry.shape.count == 2, partner.shape.count == 2, entry.shape[0] == partner.shape[1],
        entry.shape[0] > 0,
        entry.type.isReal, partner.type.isReal
      else {
        throw ModelError(
          path,
          "the factors of \"\(name)\" have shapes \(entry.shape) and \(partner.shape); expected [rank, inputs] and "
            + "[outputs, rank], of real numbers")
      }
      modules.append(
        Module(
          name: name, input: entry, output: partner,
          scale: try scaling.scale(of: name, rank: entry.shape[0], path)))
    }
    guard !modules.isEmpty else { throw ModelError(path, "the adapter has no tensors; fetch it again") }
    self.modules = modules.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  private static func module(of tensor: String) -> (name: String, isInput: Bool)? {
    guard tensor.hasPrefix(prefix) else { return nil }
    let name = tensor.dropFirst(prefix.count)
    for (suffix, isInput) in [(suffixes.input, true), (suffixes.output, false)]
    where name.hasSuffix(suffix) && name.count > suffix.count {
      return (String(name.dropLast(suffix.count)), isInput)
    }
    return nil
  }

  private static func refuseOtherKinds(_ config: JSONValue, _ path: String) throws {
    guard config["peft_type"]?.string == "LORA" else {
      throw ModelError(
        path,
        "expected \"peft_type\": \"LORA\", found \(config["peft_type"]?.string.map { "\"\($0)\"" } ?? "none"); merge the "
          + "adapter into its base with PEFT and give the model that makes")
    }
    func isSet(_ value: JSONValue) -> Bool {
      !(value.isNull || value.bool == false
        || value.kind != .bool && value.kind != .number && value.count == 0)
    }
    var found = otherKinds.filter { config[$0].map(isSet) ?? false }
    if let bias = config["bias"]?.string, bias != "none" { found.append("bias") }
    guard found.isEmpty else {
      throw ModelError(
        path,
        "this adapter is more than W + s B A: it sets \(found.joined(separator: ", ")); merge it into its base with PEFT "
          + "(merge_and_unload) and give the model that makes")
    }
  }
}

extension PEFTAdapter {
  /// The numbers that s is made of.
  private struct Scaling {
    private let (rank, alpha): (Double, Double)
    private let ranks: [(key: String, value: Double)]
    private let alphas: [(key: String, value: Double)]
    private let isByRoot: Bool

    init(_ config: JSONValue, _ path: String) throws {
      func number(_ value: JSONValue?, _ key: String) throws -> Double {
        guard let number = value?.double, number.isFinite, abs(number) < 1e9 else {
          throw ModelError(path, "\"\(key)\": expected a number, found \(value?.describe ?? "nothing")")
        }
        return number
      }
      func pattern(_ key: String) throws -> [(key: String, value: Double)] {
        try (config[key]?.members ?? []).map { name, value in
          // PEFT takes keys for patterns; nearly all are names, or ends of names.
          guard
            name.utf8.allSatisfy({
              $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || Self.isAlphanumeric($0)
            })
          else {
            throw ModelError(
              path,
              "\"\(key)\": \"\(name)\" is a pattern, where names of modules are expected; merge the adapter into its base "
                + "with PEFT and give the model that makes")
          }
          return (name, try number(value, "\(key).\(name)"))
        }
      }
      rank = try number(config["r"], "r")
      alpha = try number(config["lora_alpha"], "lora_alpha")
      (ranks, alphas) = (try pattern("rank_pattern"), try pattern("alpha_pattern"))
      isByRoot = config["use_rslora"]?.bool ?? false
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: false
      }
    }

    /// s of a module whose A has `rows` rows.
    func scale(of module: String, rank rows: Int, _ path: String) throws -> Double {
      func value(_ pattern: [(key: String, value: Double)]) -> Double? {
        pattern.first { module == $0.key || module.hasSuffix("." + $0.key) }?.value
      }
      let rank = value(ranks) ?? rank
      guard rank == Double(rows) else {
        throw ModelError(
          path, "the adapter of \"\(module)\" has rank \(rows), but the configuration says \(rank)")
      }
      return (value(alphas) ?? alpha) / (isByRoot ? rank.squareRoot() : rank)
    }
  }
}
