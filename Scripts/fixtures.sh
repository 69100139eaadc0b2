#!/usr/bin/env bash
# Writes every committed fixture anew. The goldens come from the field's own libraries, never from this package.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-dependencies.sh
Scripts/fixtures/venv.sh
Scripts/fetch-models.py smollm2 minilm
# Modules and tools that live beside the generators.
tools=" smollm2 smollm2_folder compare_edit compare_gguf compare_gguf_output compare_lora compare_ranks
  compare_chat_templates compare_configurations compare_jinja compare_multimodal compare_pipelines compare_torch compare_vocabularies random_edits compare_trained_lora edit_every_family tokenizer_check precision_angles zeroshot zeroshot_compare eval_compare perplexity_compare answer_requests
  report_screenshots "
derived=" detox_reference oblique_reference natural_reference edited_goldens paper_reference protected_reference tiny_gguf
  tiny_torch gradient_goldens dpo_goldens "
for script in Scripts/fixtures/*.py; do
  name=$(basename "$script" .py)
  [[ $tools == *" $name "* ]] && continue
  # These read the tiny checkpoints, so those come first.
  [[ $derived == *" $name "* ]] && continue
  echo "== $name" >&2
  .venv/bin/python "$script"
done
for name in $derived; do
  echo "== $name" >&2
  .venv/bin/python "Scripts/fixtures/$name.py"
done
