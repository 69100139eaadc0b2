#!/usr/bin/env bash
# Times reading texts through all blocks, `profs embed` against llama.cpp's prefill of the same weights (Benchmarks/llama_prefill.py),
# in turn, on the same threads, loading left out of both. Builds llama-cpp-python for this processor first, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

"$python" -c 'import llama_cpp' 2>/dev/null || "$python" -m pip install --quiet --no-binary llama-cpp-python llama-cpp-python==0.3.36
python3 - "$prose" "${TEXTS:-16}" >"$scratch/texts.jsonl" <<'PYTHON'
import json, sys
words = open(sys.argv[1], encoding="utf-8").read().split()
for first in range(0, 350 * int(sys.argv[2]), 350):
    print(json.dumps({"text": " ".join(words[first:first + 350])}))
PYTHON
# An edited model is read as fast as its base.
"$profs" fit "$model" --pairs Data/starter-pairs.jsonl --recipe paper --limit 20 --out "$scratch/edit.safetensors" -q >/dev/null
types=(f32)
[[ $has_bf16 -eq 0 ]] || types+=(bf16)
for type in "${types[@]}"; do
  "$profs" apply "$model" --subspace "$scratch/edit.safetensors" --out "$scratch/$type.gguf" --gguf-type "$type" -q >/dev/null
done
for ((run = 1; run <= runs; run++)); do
  for type in "${types[@]}"; do
    rm -f "$scratch/out.safetensors"
    own "embed-$type" "$profs" embed "$model" --texts "$scratch/texts.jsonl" --max-tokens 1024 --out "$scratch/out.safetensors" \
      --compute "$type" --threads "$threads" --json -q
    own "llama.cpp-$type" "$python" Benchmarks/llama_prefill.py "$scratch/$type.gguf" "$scratch/texts.jsonl" --threads "$threads"
  done
done
tokens=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["tokens"])' <"$scratch/llama.cpp-f32.log")
for type in "${types[@]}"; do compare "$tokens tokens through all blocks, $type" "embed-$type" "llama.cpp-$type"; done
