internal import Checkpoints
internal import Storage

extension Model {
  /// Opens a GGUF file, making the `config.json` it would have as a Hugging Face folder.
  static func openGGUF(_ path: String) throws -> Opened {
    let file = try GGUFFile(path: path)
    guard let architecture = file["general.architecture"]?.string else {
      throw ModelError(path, "metadata key \"general.architecture\" is missing; this is not a language model")
    }
    let experts = "\(architecture).expert_count"
    if let count = file[experts]?.int, count != 0 {
      throw ModelError(
        path,
        "metadata key \"\(experts)\" is \(count): Mixture-of-Experts models are not supported; give a dense model"
      )
    }
    guard let family = ModelFamily.all.first(where: { $0.gguf?.architecture == architecture }),
      let names = family.gguf
    else {
      throw ModelError(
        path,
        "architecture \"\(architecture)\" is not supported; supported: "
          + ModelFamily.all.compactMap(\.gguf?.architecture).joined(separator: ", "))
    }
    let scaling = "\(architecture).rope.scaling.type"
    if let type = file[scaling]?.string, type != "none" {
      throw ModelError(
        path,
        "metadata key \"\(scaling)\" is \"\(type.prefix(40))\": scaled rotary embedding is not supported from GGUF; "
          + "use the Hugging Face folder")
    }
    guard file.tensors["rope_freqs.weight"] == nil else {
      throw ModelError(
        path,
        "tensor \"rope_freqs.weight\" scales the rotary frequencies, which is not supported from GGUF; "
          + "use the Hugging Face folder")
    }

    var members = names.fixedConfig
    for (key, gguf) in names.numbers {
      guard let value = file["\(architecture).\(gguf)"] else { continue }
      if let number = value.int {
        members.append((key, .int(number)))
      } else if let number = value.double {
        members.append((key, .double(number)))
      } else {
        throw ModelError(path, "metadata key \"\(architecture).\(gguf)\" must be one number")
      }
    }
    // The vocabulary's size is stated or follows from the embedding.
    let embedding = names.tensorNames[.tokenEmbedding].flatMap { file.tensors[$0] }
    if !members.contains(where: { $0.key == "vocab_size" }), let rows = embedding?.shape.first {
      members.append(("vocab_size", .int(rows)))
    }
    for (key, gguf) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
      if let id = file["tokenizer.ggml.\(gguf)_token_id"]?.int { members.append((key, .int(id))) }
    }
    let tied = names.tensorNames[.outputHead].map { file.tensors[$0] == nil } ?? false
    members.append(("tie_word_embeddings", .bool(tied)))
    return Opened(
      source: .gguf(file), family: family, config: .object(members), configPath: path, tensors: file.tensors,
      namePrefix: "")
  }
}
