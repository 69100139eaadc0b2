#!/usr/bin/env bash
# Times reading texts through all blocks, `profs embed` against llama.cpp's prefill of the same weights (Benchmarks/llama_prefill.py),
# in turn, on the same threads, loading left out of both. Builds llama-cpp-python for this processor first, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-3} threads=${THREADS:-2} count=${TEXTS:-16}
model=.models/smollm2-bf16
profs=.build/release/profs
text=${PROFS_SHARED_DATA:-../shared/data}/wikitext-2/test.txt
[[ -f $text ]] || text=Data/neutral.txt

swift build -c release --product profs
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh "$model"
python=.venv/bin/python
$python -c 'import llama_cpp' 2>/dev/null || $python -m pip install --quiet --no-binary llama-cpp-python llama-cpp-python==0.3.36

scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$threads
python3 - "$text" "$count" >"$scratch/texts.jsonl" <<'PYTHON'
import json, sys
words = open(sys.argv[1], encoding="utf-8").read().split()
for first in range(0, 350 * int(sys.argv[2]), 350):
    print(json.dumps({"text": " ".join(words[first:first + 350])}))
PYTHON
# An edited model is read as fast as its base.
"$profs" fit "$model" --pairs Data/starter-pairs.jsonl --recipe paper --limit 20 --out "$scratch/edit.safetensors" -q >/dev/null
types=(f32)
grep -q -m1 avx512_bf16 /proc/cpuinfo && types+=(bf16)
for type in "${types[@]}"; do
  "$profs" apply "$model" --subspace "$scratch/edit.safetensors" --out "$scratch/$type.gguf" --gguf-type "$type" -q >/dev/null
done

seconds() { python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])'; }
median() { sort -n "$scratch/$1.seconds" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
for ((run = 1; run <= runs; run++)); do
  for type in "${types[@]}"; do
    rm -f "$scratch/out.safetensors"
    "$profs" embed "$model" --texts "$scratch/texts.jsonl" --max-tokens 1024 --out "$scratch/out.safetensors" --compute "$type" \
      --threads "$threads" --json -q | seconds >>"$scratch/profs-$type.seconds"
    $python Benchmarks/llama_prefill.py "$scratch/$type.gguf" "$scratch/texts.jsonl" --threads "$threads" 2>/dev/null |
      tee "$scratch/llama.json" | seconds >>"$scratch/llama-$type.seconds"
  done
done
tokens=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tokens"])' "$scratch/llama.json")
for type in "${types[@]}"; do
  awk -v a="$(median "profs-$type")" -v b="$(median "llama-$type")" -v n="$tokens" -v t="$type" -v w="$threads" 'BEGIN {
    printf "%s, %d threads, %d tokens: profs %.0f tokens/s, llama.cpp %.0f tokens/s: %.2f times as fast\n", t, w, n, n / a, n / b, b / a }'
done
