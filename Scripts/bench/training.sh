#!/usr/bin/env bash
# Times steps of `profs dpo` against the same steps in PyTorch (Benchmarks/dpo.py), f32, on the very same batches: a whole process
# of profs, with reading the model and writing the result, against PyTorch's reference and steps alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

steps=${STEPS:-10} held_out=2
for ((run = 1; run <= runs; run++)); do
  rm -rf "$scratch/out"
  elapsed dpo "$profs" dpo "$model" --pairs Data/starter-pairs.jsonl --steps "$steps" --hold-out "$held_out" --validate-every 1000 \
    --patience 1000 --threads "$threads" --out "$scratch/out" -q
  own pytorch-dpo "$python" Benchmarks/dpo.py "$model" Data/starter-pairs.jsonl --steps "$steps" \
    --hold-out "$held_out" --threads "$threads"
done
compare "$steps steps of DPO" dpo pytorch-dpo
