#!/usr/bin/env bash
# Times greedy continuations and perplexity against transformers, and base and edit together against the base alone; whole
# processes of profs (loading included) against transformers' own work (loading left out), in turn, on the same cores.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-2} threads=${THREADS:-2} prompts=${PROMPTS:-600} tokens=${TEXT_TOKENS:-4000}
rtp=${PROFS_SHARED_DATA:-../shared/data}/rtp/toxic.jsonl
model=.models/smollm2-bf16
profs=.build/release/profs

swift build -c release --product profs
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh "$model"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$threads TOKENIZERS_PARALLELISM=true HF_HUB_OFFLINE=1

if [[ -f $rtp ]]; then
  python3 -c 'import json, sys
for line in open(sys.argv[1]): print(json.loads(line)["prompt"]["text"].replace("\n", " "))' "$rtp" >"$scratch/all.txt"
else
  Scripts/fetch-models.py prompts
  cat .models/realtoxicityprompts/*.txt >"$scratch/all.txt"
fi
head -n "$prompts" "$scratch/all.txt" >"$scratch/prompts.txt"
text=${PROFS_SHARED_DATA:-../shared/data}/wikitext-2/test.txt
[[ -f $text ]] || text=Data/neutral.txt
# Of the upper half of the blocks, as a subspace: what base and edit together cost does not depend on what is removed.
"$profs" fit "$model" --pairs Data/starter-pairs.jsonl --recipe paper --limit 20 --out "$scratch/edit.safetensors" -q >/dev/null
"$profs" apply "$model" --subspace "$scratch/edit.safetensors" --out "$scratch/edited" -q >/dev/null

# seconds NAME COMMAND…: runs the command and appends its wall-clock seconds to NAME's list.
seconds() {
  local name=$1 from to
  shift
  from=$(date +%s%N)
  "$@" >"$scratch/$name.log"
  to=$(date +%s%N)
  awk -v ns=$((to - from)) 'BEGIN { printf "%.2f\n", ns / 1e9 }' >>"$scratch/$name.seconds"
  echo "$name $(tail -1 "$scratch/$name.seconds") s"
}
# own NAME COMMAND…: runs a Python benchmark and appends the seconds that it reports.
own() {
  local name=$1
  shift
  .venv/bin/python Benchmarks/generation.py "$model" "$scratch/prompts.txt" --threads "$threads" "$@" 2>/dev/null |
    tee "$scratch/$name.log" | python3 -c 'import json, sys; print(round(json.load(sys.stdin)["seconds"], 2))' \
    >>"$scratch/$name.seconds"
  echo "$name $(tail -1 "$scratch/$name.seconds") s  $(cat "$scratch/$name.log")"
}
median() { sort -n "$scratch/$1.seconds" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
ratio() { awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN { printf "%.2f\n", b / a }'; }

grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
echo "$threads threads, $(wc -l <"$scratch/prompts.txt") prompts × 10 tokens, $tokens tokens of $(basename "$text")"
common=(--threads "$threads" -q)
measure=(--text "$text" --text-limit "$tokens" --window 512 --stride 256)
has_bf16=$(grep -c -m1 avx512_bf16 /proc/cpuinfo || true)
for ((run = 1; run <= runs; run++)); do
  seconds generate "$profs" generate "$model" --prompts "$scratch/prompts.txt" --max-new-tokens 10 "${common[@]}"
  own transformers-f32
  [[ $has_bf16 -gt 0 ]] && own transformers-bf16 --dtype bf16
  seconds perplexity "$profs" perplexity "$model" --text "$text" --limit "$tokens" --window 512 --stride 256 "${common[@]}"
  own transformers-perplexity --perplexity "$text" --text-tokens "$tokens"
  seconds eval-base "$profs" eval "$model" --prompts "$scratch/prompts.txt" "${measure[@]}" "${common[@]}"
  seconds eval-both "$profs" eval "$model" "$scratch/edited" --prompts "$scratch/prompts.txt" "${measure[@]}" "${common[@]}"
done
echo "continuations: profs is $(ratio generate transformers-f32) times as fast as transformers in f32"
[[ $has_bf16 -gt 0 ]] && echo "continuations: $(ratio generate transformers-bf16) times as fast as transformers in bf16"
echo "perplexity: profs is $(ratio perplexity transformers-perplexity) times as fast as transformers in f32"
echo "base and edit together take $(ratio eval-base eval-both) times as long as the base alone"
