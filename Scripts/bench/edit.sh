#!/usr/bin/env bash
# Times `profs edit` against the same edit in PyTorch (Benchmarks/authors_pipeline.py): same model folder in bf16, the same
# 500 ParaDetox pairs, the same blocks, rank and threads, whole processes, in turn. PyTorch computes in f32; profs in f32, and in
# bf16, its default, where the processor multiplies that.
set -euo pipefail
cd "$(dirname "$0")/../.."
paradetox=${PROFS_SHARED_DATA:-../shared/data}/paradetox/paradetox.tsv
if [[ ! -f $paradetox ]]; then
  echo "Skipped: the benchmark's pairs come from $paradetox, which is not here."
  exit 0
fi
source Scripts/bench/common.sh

layers=${LAYERS:-13-30} rank=${RANK:-10}
pairs=.models/paradetox-500.jsonl
python3 Benchmarks/paradetox_pairs.py "$paradetox" 500 >"$pairs"
fit=(--pairs "$pairs" --recipe paper --layers "$layers" --rank "$rank" --threads "$threads")
types=(f32)
[[ $has_bf16 -eq 0 ]] || types+=(bf16)
for ((run = 1; run <= runs; run++)); do
  for type in "${types[@]}"; do
    rm -rf "$scratch/out"
    elapsed "edit-$type" "$profs" edit "$model" "${fit[@]}" --compute "$type" --out "$scratch/out" -q
  done
  rm -rf "$scratch/out"
  elapsed pytorch-edit "$python" Benchmarks/authors_pipeline.py "$model" "$pairs" "$scratch/out" --layers "$layers" \
    --rank "$rank" --threads "$threads"
  # How far the pass is from what the products could do: see Scripts/performance.sh.
  for type in "${types[@]}"; do
    rm -f "$scratch/fit.safetensors"
    own "fit-$type" "$profs" fit "$model" "${fit[@]}" --compute "$type" --out "$scratch/fit.safetensors" --json -q
  done
done
echo "PyTorch's stages in the last run: $(cat "$scratch/pytorch-edit.log")"
operations=$("$profs" inspect "$model" "${fit[@]}" --json -q | python3 -c 'import json, sys; print(json.load(sys.stdin)["fit_operations"])')
for type in "${types[@]}"; do
  compare "edit of 500 pairs, $type" "edit-$type" pytorch-edit
  rate=$(awk -v o="$operations" -v s="$(median "fit-$type")" 'BEGIN { printf "%.1f", o / s / 1e9 }')
  echo "the fit's products: $rate GFLOP/s in $type"
  [[ -z ${BENCH_RECORDS:-} ]] || printf 'rate\t%s\t%s\n' "$type" "$rate" >>"$BENCH_RECORDS"
done
