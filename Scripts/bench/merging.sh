#!/usr/bin/env bash
# Times merging an edit into a checkpoint: `profs apply` of a subspace, with its receipt and hashes, against peft's merge of the same
# edit as a LoRA adapter (Benchmarks/peft_merge.py), whole processes, in turn.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

"$profs" fit "$model" --pairs Data/starter-pairs.jsonl --recipe paper --limit 20 --out "$scratch/edit.safetensors" -q >/dev/null
"$profs" apply "$model" --subspace "$scratch/edit.safetensors" --format lora --out "$scratch/adapter" -q >/dev/null
for ((run = 1; run <= runs; run++)); do
  rm -rf "$scratch/out"
  elapsed apply "$profs" apply "$model" --subspace "$scratch/edit.safetensors" --out "$scratch/out" -q
  rm -rf "$scratch/out"
  elapsed peft-merge "$python" Benchmarks/peft_merge.py "$model" "$scratch/adapter" "$scratch/out"
done
compare "an edit merged" apply peft-merge
