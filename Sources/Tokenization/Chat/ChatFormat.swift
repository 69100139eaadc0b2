/// The ways of writing a conversation as one text that open models are trained on, for models without a chat template of
/// their own.
package enum ChatFormat: String, Sendable, CaseIterable {
  /// `<|im_start|>role\n…<|im_end|>\n`: Qwen, SmolLM2 and many more.
  case chatML = "chatml"
  /// `[INST] <<SYS>>\n…\n<</SYS>>\n\n… [/INST] … `
  case llama2 = "llama-2"
  /// `<|start_header_id|>role<|end_header_id|>\n\n…<|eot_id|>`
  case llama3 = "llama-3"
  /// `[INST] … [/INST]`, with no way to write a system message but before a question.
  case mistral
  /// `<start_of_turn>role\n…<end_of_turn>\n`, the model's role being `model`.
  case gemma
  /// `<|role|>\n…</s>\n`
  case zephyr
  /// `<|role|>\n…<|end|>\n`
  case phi3 = "phi-3"

  /// The names of all, for messages.
  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// The format as a chat template.
  var template: String {
    switch self {
    case .chatML:
      Self.turns(#"'<|im_start|>' + turn.role + '\n' + turn.content + '<|im_end|>\n'"#)
        + Self.prompt(#"<|im_start|>assistant\n"#)
    case .llama3:
      "{{ bos_token }}"
        + Self.turns(
          #"'<|start_header_id|>' + turn.role + '<|end_header_id|>\n\n' + turn.content | trim + '<|eot_id|>'"#
        )
        + Self.prompt(#"<|start_header_id|>assistant<|end_header_id|>\n\n"#)
    case .zephyr:
      Self.turns(#"'<|' + turn.role + '|>\n' + turn.content ~ eos_token ~ '\n'"#)
        + Self.prompt(#"<|assistant|>\n"#)
    case .phi3:
      Self.turns(#"'<|' + turn.role + '|>\n' + turn.content + '<|end|>\n'"#)
        + Self.prompt(#"<|assistant|>\n"#)
    case .gemma:
      "{{ bos_token }}"
        + Self.exchange(
          joined: #"system + '\n\n' + turn.content | trim"#,
          question:
            #"'<start_of_turn>user\n' + (said if begins and loop.first else said | trim) + '<end_of_turn>\n'"#,
          answer: #"'<start_of_turn>model\n' + said | trim + '<end_of_turn>\n'"#)
        + Self.prompt(#"<start_of_turn>model\n"#)
    case .llama2:
      Self.exchange(
        joined: #"'<<SYS>>\n' + system + '\n<</SYS>>\n\n' + turn.content"#,
        question: "bos_token ~ '[INST] ' ~ said | trim ~ ' [/INST]'",
        answer: "' ' ~ said | trim ~ ' ' ~ eos_token")
    case .mistral:
      "{{ bos_token }}"
        + Self.exchange(
          joined: #"system + '\n\n' + turn.content"#,
          question: "'[INST] ' + said + ' [/INST]'",
          answer: "' ' ~ said ~ eos_token")
    }
  }

  /// Every turn in the same way.
  private static func turns(_ written: String) -> String {
    "{% for turn in messages %}{{ \(written) }}{% endfor %}"
  }

  /// The head of the model's next turn.
  private static func prompt(_ head: String) -> String {
    "{% if add_generation_prompt %}{{ '\(head)' }}{% endif %}"
  }

  /// Questions and answers in turn, with the system's words joined to the first question.
  private static func exchange(joined: String, question: String, answer: String) -> String {
    """
    {%- set begins = messages and messages[0].role == 'system' -%}
    {%- set system = messages[0].content if begins -%}
    {%- for turn in (messages[1:] if begins else messages) -%}
      {%- set role = 'assistant' if loop.index0 % 2 else 'user' -%}
      {%- if turn.role != role -%}
        {{- raise_exception('messages[' ~ (loop.index0 + (1 if begins else 0)) ~ ']: expected the role ' ~ role
          ~ ', found ' ~ turn.role) -}}
      {%- endif -%}
      {%- set said = \(joined) if begins and loop.first else turn.content -%}
      {{- \(question) if role == 'user' else \(answer) -}}
    {%- endfor -%}
    """
  }
}
