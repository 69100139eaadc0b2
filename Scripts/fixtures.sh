#!/usr/bin/env bash
# Writes every committed fixture anew. The goldens come from the field's own libraries, never from this package.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-dependencies.sh
Scripts/fixtures/venv.sh
Scripts/fetch-models.py smollm2 minilm
# Modules and tools that live beside the generators.
tools=" smollm2 smollm2_folder compare_edit compare_gguf tokenizer_check precision_angles zeroshot zeroshot_compare "
for script in Scripts/fixtures/*.py; do
  name=$(basename "$script" .py)
  [[ $tools == *" $name "* ]] && continue
  # These two read the tiny checkpoints, so those come first.
  [[ $name == paper_reference || $name == tiny_gguf ]] && continue
  echo "== $name" >&2
  .venv/bin/python "$script"
done
.venv/bin/python Scripts/fixtures/paper_reference.py
.venv/bin/python Scripts/fixtures/tiny_gguf.py
