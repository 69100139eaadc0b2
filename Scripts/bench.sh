#!/usr/bin/env bash
# Times `profs edit` against the same edit in PyTorch (Benchmarks/authors_pipeline.py): same model folder in bf16, the same
# 500 ParaDetox pairs, the same blocks, rank and threads, whole processes, in turn. PyTorch computes in f32; profs in f32, and in
# bf16, its default, where the processor multiplies that. Prints the ratios of the medians.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-3} threads=${THREADS:-2} layers=${LAYERS:-13-30} rank=${RANK:-10}
paradetox=${PROFS_SHARED_DATA:-../shared/data}/paradetox/paradetox.tsv
model=.models/smollm2-bf16
pairs=.models/paradetox-500.jsonl
profs=.build/release/profs

if [[ ! -f $paradetox ]]; then
  echo "Skipped: the benchmark's pairs come from $paradetox, which is not here."
  exit 0
fi
swift build -c release --product profs
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh "$model"
python3 Benchmarks/paradetox_pairs.py "$paradetox" 500 >"$pairs"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$threads TOKENIZERS_PARALLELISM=true HF_HUB_OFFLINE=1

# seconds NAME COMMAND…: runs the command, appends its wall-clock seconds to NAME's list.
seconds() {
  local name=$1 from to
  shift
  rm -rf "$scratch/out"
  from=$(date +%s%N)
  "$@" >"$scratch/$name.log" 2>"$scratch/$name.err" || { cat "$scratch/$name.err" >&2; exit 1; }
  to=$(date +%s%N)
  awk -v ns=$((to - from)) 'BEGIN { printf "%.2f\n", ns / 1e9 }' | tee -a "$scratch/$name.seconds"
}
median() { sort -n "$scratch/$1.seconds" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
echo "$threads threads, blocks $layers, rank $rank, $(wc -l <"$pairs") pairs; load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"
edit=("$profs" edit "$model" --pairs "$pairs" --recipe paper --layers "$layers" --rank "$rank" --threads "$threads"
  --out "$scratch/out" -q)
has_bf16=$(grep -c -m1 avx512_bf16 /proc/cpuinfo || true)
for ((run = 1; run <= runs; run++)); do
  printf 'run %d  profs   ' "$run"
  seconds profs "${edit[@]}" --compute f32
  if [[ $has_bf16 -gt 0 ]]; then
    printf 'run %d  bf16    ' "$run"
    seconds bf16 "${edit[@]}" --compute bf16
  fi
  printf 'run %d  pytorch ' "$run"
  seconds pytorch .venv/bin/python Benchmarks/authors_pipeline.py "$model" "$pairs" "$scratch/out" \
    --layers "$layers" --rank "$rank" --threads "$threads"
done
echo "PyTorch's stages in the last run: $(cat "$scratch/pytorch.log")"
awk -v a="$(median profs)" -v b="$(median pytorch)" \
  'BEGIN { printf "median: profs in f32 %.2f s, PyTorch %.2f s; profs is %.1f times as fast\n", a, b, b / a }'
[[ $has_bf16 -eq 0 ]] || awk -v a="$(median bf16)" -v b="$(median pytorch)" \
  'BEGIN { printf "median: profs in bf16 %.2f s, %.1f times as fast as PyTorch in f32\n", a, b / a }'
