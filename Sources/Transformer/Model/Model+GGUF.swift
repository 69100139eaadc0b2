internal import Checkpoints
internal import Storage

extension Model {
  /// Opens a GGUF file, making the `config.json` it would have as a Hugging Face folder.
  static func openGGUF(_ path: String) throws -> Opened {
    let file = try GGUFFile(path: path)
    guard let architecture = file["general.architecture"]?.string else {
      throw ModelError(path, "metadata key \"general.architecture\" is missing; this is not a language model")
    }
    guard file["general.type"]?.string != "adapter" else {
      throw ModelError(
        path,
        "this is an adapter for llama.cpp, and no model; where an edited model is expected, give the folder of an adapter in "
          + "PEFT's format, which --format lora writes")
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
    let description = GGUFDescription(file: file, path: path, architecture: architecture)
    try description.refuseUnsupported(names)

    var members = JSON.Members(names.fixedConfig)
    for (key, gguf) in names.values
    where !names.listedValues.contains(gguf) || description[gguf]?.array == nil {
      if let member = try description.member(gguf) { members[key] = member }
    }
    // The vocabulary's size is stated or follows from the embedding.
    let embedding = names.tensorNames[.tokenEmbedding].flatMap { file.tensors[$0] }
    if members["vocab_size"] == nil, let rows = embedding?.shape.first { members["vocab_size"] = .int(rows) }
    // Where a file names no padding, a configuration must not fall back on one of a larger vocabulary.
    members["pad_token_id"] = .null
    for (key, gguf) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
      if let id = file["tokenizer.ggml.\(gguf)_token_id"]?.int { members[key] = .int(id) }
    }
    members["rope_scaling"] = try description.ropeScaling()
    members[names.rotaryFractionKey] = description.rotaryFraction.map(JSON.double)
    members["tie_word_embeddings"] = .bool(
      names.tensorNames[.outputHead].map { !description.has($0) } ?? false)
    try names.complete(description, &members)
    return Opened(
      source: .gguf(file), family: family, config: .object(members), configPath: path, tensors: file.tensors,
      namePrefix: "")
  }
}
