import Checkpoints
import Foundation
import Storage
import Testing

/// Conversations, which every command writes in the model's chat format.
@Suite struct ChatTranscriptTests {
  private static let chatML =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
  private static let zephyr = "{{ '<|user|>\\n' + eos_token }}{{ '<|assistant|>' }}"

  /// Chat pairs of several shapes, and the same as chatML writes them.
  private static let pairs: [(chat: String, chosen: String, rejected: String)] = (0..<6).map { index in
    let (question, good, bad) = ("Say \(index)", "Yes \(index * index)", "No \(index * 7), go")
    func turn(_ role: String, _ text: String) -> String { #"{"role": "\#(role)", "content": "\#(text)"}"# }
    let (user, kind, rude) = (turn("user", question), turn("assistant", good), turn("assistant", bad))
    let chat = [
      #"{"chosen": [\#(user), \#(kind)], "rejected": [\#(user), \#(rude)]}"#,
      #"{"prompt": [\#(user)], "chosen": [\#(kind)], "rejected": [\#(rude)]}"#,
      #"{"prompt": [\#(user)], "chosen": "\#(good)", "rejected": "\#(bad)"}"#,
      #"{"prompt": "\#(question)", "chosen": [\#(user), \#(kind)], "rejected": [\#(user), \#(rude)]}"#,
    ]
    func text(_ answer: String) -> String {
      #"<|im_start|>user\n\#(question)<|im_end|>\n<|im_start|>assistant\n\#(answer)<|im_end|>\n"#
    }
    return (chat[index % chat.count], text(good), text(bad))
  }

  /// A model named `model`, chat pairs, and the subspace that the same pairs as texts give.
  private func prepare() throws -> (folder: TemporaryFolder, subspace: [UInt8]) {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    try folder.write(Self.pairs.map { $0.chat + "\n" }.joined(), "chat.jsonl")
    try folder.write(
      Self.pairs.map { #"{"chosen": "\#($0.chosen)", "rejected": "\#($0.rejected)"}"# + "\n" }.joined(),
      "text.jsonl")
    let fit = try Transcript(Self.fit("text.jsonl"), in: folder)
    #expect(fit.status == 0, "\(fit.errors)")
    return (folder, try folder.read("text.jsonl.safetensors"))
  }

  private static func fit(_ pairs: String, _ more: String...) -> [String] {
    ["fit", "model", "--pairs", pairs, "--out", pairs + ".safetensors", "--compute", "f32"] + more
  }

  @Test("chat pairs are fitted as the texts that the model's template makes of them, wherever that stands")
  func templates() throws {
    let (folder, subspace) = try prepare()
    func expectSame(_ more: String...) throws {
      let fit = try Transcript(Self.fit("chat.jsonl") + more, in: folder)
      #expect(fit.status == 0, "\(fit.errors)")
      #expect(
        fit.errors.contains(
          more.isEmpty ? "written with the model's chat template" : "written in the chat format chatml"))
      #expect(try folder.read("chat.jsonl.safetensors") == subspace)
      try FileManager.default.removeItem(at: folder.url("chat.jsonl.safetensors"))
    }
    func configure(_ template: JSON) throws {
      try folder.write(JSON.object([("chat_template", template)]).serialized(), "model/tokenizer_config.json")
    }
    try expectSame("--chat-format", "chatml")
    try configure(.string(Self.chatML))
    try expectSame()
    try configure([
      ["name": "tools", "template": "{{ tools }}"], ["name": "default", "template": .string(Self.chatML)],
    ])
    try expectSame()
    // A file of its own comes first.
    try configure(.string(Self.zephyr))
    try folder.write(Self.chatML, "model/chat_template.jinja")
    try expectSame()
    // And what the user says before all.
    try folder.write("{{ messages }}", "model/chat_template.jinja")
    try expectSame("--chat-format", "chatml")
    let other = try Transcript(Self.fit("chat.jsonl", "--chat-format", "zephyr"), in: folder)
    #expect(other.status == 0)
    #expect(try folder.read("chat.jsonl.safetensors") != subspace)
  }

  @Test("edit takes chat pairs, and plans for them, by the same template")
  func edit() throws {
    let (folder, _) = try prepare()
    try folder.write(Self.chatML, "model/chat_template.jinja")
    let edit = try Transcript(["edit", "model", "--pairs", "chat.jsonl", "--out", "out"], in: folder)
    #expect(edit.status == 0, "\(edit.errors)")
    #expect(try folder.read("out/chat_template.jinja") == Array(Self.chatML.utf8))
    let plan = try Transcript(["inspect", "model", "--pairs", "chat.jsonl", "--json", "--quiet"], in: folder)
    #expect(plan.status == 0 && plan.errors.isEmpty, "\(plan.errors)")
  }

  @Test("generate answers in the model's chat format, embed reads conversations in it")
  func otherCommands() throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    try folder.write(Self.chatML, "model/chat_template.jinja")
    try folder.write(#"{"messages": [{"role": "user", "content": "Hi"}]}"#, "chat.jsonl")
    try folder.write(#""<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n""#, "text.jsonl")
    func continuation(_ arguments: String...) throws -> JSONValue {
      let run = try Transcript(
        ["generate", "model", "--max-new-tokens", "6", "--compute", "f32", "--json"] + arguments, in: folder)
      #expect(run.status == 0, "\(run.errors)")
      return try #require(try run.json()["continuations"]?.elements.first)
    }
    func ids(_ continuation: JSONValue) -> [Int] { continuation["ids"]?.elements.compactMap(\.int) ?? [] }
    let expected = ids(try continuation("--prompts", "text.jsonl"))
    let asked = try continuation("--prompt", "Hi", "--chat")
    #expect(ids(asked) == expected && asked["prompt"]?.string == "Hi")
    #expect(ids(try continuation("--prompts", "chat.jsonl")) == expected)
    #expect(ids(try continuation("--prompt", "Hi")) != expected)
    #expect(ids(try continuation("--prompt", "Hi", "--chat", "--chat-format", "phi-3")) != expected)

    try folder.write(#""<|im_start|>user\nHi<|im_end|>\n""#, "text.jsonl")
    var embeddings: [[Float]] = []
    for name in ["chat", "text"] {
      let run = try Transcript(
        ["embed", "model", "--texts", name + ".jsonl", "--compute", "f32", "--out", name], in: folder)
      #expect(run.status == 0, "\(run.errors)")
      let tensors = try SafetensorsFile(path: folder.url(name).path).tensors
      embeddings.append(try tensors.floats(try #require(tensors["embeddings"])))
    }
    #expect(embeddings[0] == embeddings[1])
  }

  @Test(
    "conversations that cannot be written are refused in one sentence",
    arguments: [
      (nil, nil, "--chat-format: chatml, llama-2", "model: "),
      ("{{ messages }}", nil, "--chat-format: chatml, llama-2", "chat_template.jinja"),
      (chatML, #"[{"role": "tool", "content": "x"}]"#, "“tool”", "chat.jsonl, line 2: chosen"),
      (
        "{{ raise_exception('Say something!') if messages[0].role != 'user' else messages[0].content }}",
        #"[{"role": "assistant", "content": "x"}]"#, "refuses the conversation: Say something!",
        "line 2: chosen"
      ),
      // What a file says does not drive the terminal.
      (
        #"{{ raise_exception('a\x1b[31m\nb\r') if messages[0].role != 'user' else messages[0].content }}"#,
        #"[{"role": "assistant", "content": "x"}]"#, #"refuses the conversation: a\u{1B}[31m b; to"#,
        "line 2: chosen"
      ),
    ] as [(String?, String?, String, String)])
  func refusals(template: String?, turns: String?, what: String, place: String) throws {
    let folder = try TemporaryFolder()
    try folder.copyModel("llama-tied", as: "model")
    if let template { try folder.write(template, "model/chat_template.jinja") }
    let turns = turns ?? #"[{"role": "user", "content": "x"}]"#
    try folder.write(
      #"{"chosen": "a", "rejected": "b"}"# + "\n" + #"{"chosen": \#(turns), "rejected": "b"}"#, "chat.jsonl")
    let run = try Transcript(Self.fit("chat.jsonl", "--rank", "1", "--quiet"), in: folder)
    #expect(run.status == 1 && run.output.isEmpty)
    #expect(run.errors.hasPrefix("profs: error: ") && run.errors.count(where: \.isNewline) == 1)
    #expect(run.errors.contains(what) && run.errors.contains(place), "\(run.errors)")
  }

  @Test("pairs that are equal where they are cut are mentioned, unless quiet is asked for")
  func cutPairs() throws {
    let (folder, _) = try prepare()
    let fit = Self.fit("chat.jsonl", "--chat-format", "chatml", "--max-tokens", "40", "--rank", "1")
    let run = try Transcript(fit, in: folder)
    #expect(run.errors.contains("6 pairs have the same 40 tokens on both sides"), "\(run.errors)")
    let quiet = try Transcript(fit + ["--quiet"], in: folder)
    #expect(!quiet.errors.contains("note"), "\(quiet.errors)")
  }
}
