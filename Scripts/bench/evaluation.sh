#!/usr/bin/env bash
# Times greedy continuations and perplexity against transformers, and base and edit together against the base alone; whole
# processes of profs (loading included) against transformers' own work (loading left out), in turn, on the same cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

prompts=${PROMPTS:-600} tokens=${TEXT_TOKENS:-4000}
if [[ -f $shared/rtp/toxic.jsonl ]]; then
  python3 -c 'import json, sys
for line in open(sys.argv[1]): print(json.loads(line)["prompt"]["text"].replace("\n", " "))' "$shared/rtp/toxic.jsonl" >"$scratch/all.txt"
else
  Scripts/fetch-models.py prompts
  cat .models/realtoxicityprompts/*.txt >"$scratch/all.txt"
fi
head -n "$prompts" "$scratch/all.txt" >"$scratch/prompts.txt"
# Of the upper half of the blocks, as a subspace: what base and edit together cost does not depend on what is removed.
"$profs" fit "$model" --pairs Data/starter-pairs.jsonl --recipe paper --limit 20 --out "$scratch/edit.safetensors" -q >/dev/null
"$profs" apply "$model" --subspace "$scratch/edit.safetensors" --out "$scratch/edited" -q >/dev/null

echo "$(wc -l <"$scratch/prompts.txt") prompts × 10 tokens, $tokens tokens of $(basename "$prose")"
common=(--threads "$threads" -q)
measure=(--text "$prose" --text-limit "$tokens" --window 512 --stride 256)
reference=("$python" Benchmarks/generation.py "$model" "$scratch/prompts.txt" --threads "$threads")
types=(f32)
[[ $has_bf16 -eq 0 ]] || types+=(bf16)
for ((run = 1; run <= runs; run++)); do
  for type in "${types[@]}"; do
    elapsed "generate-$type" "$profs" generate "$model" --prompts "$scratch/prompts.txt" --max-new-tokens 10 --compute "$type" \
      "${common[@]}"
    own "transformers-generate-$type" "${reference[@]}" --dtype "$type"
    elapsed "perplexity-$type" "$profs" perplexity "$model" --text "$prose" --limit "$tokens" --window 512 --stride 256 \
      --compute "$type" "${common[@]}"
    own "transformers-perplexity-$type" "${reference[@]}" --dtype "$type" --perplexity "$prose" --text-tokens "$tokens"
  done
  elapsed eval-base "$profs" eval "$model" --prompts "$scratch/prompts.txt" "${measure[@]}" "${common[@]}"
  elapsed eval-both "$profs" eval "$model" "$scratch/edited" --prompts "$scratch/prompts.txt" "${measure[@]}" "${common[@]}"
done
for type in "${types[@]}"; do
  compare "continuations, $type" "generate-$type" "transformers-generate-$type"
  compare "perplexity, $type" "perplexity-$type" "transformers-perplexity-$type"
done
awk -v a="$(median eval-base)" -v b="$(median eval-both)" \
  'BEGIN { printf "base and edit together take %.2f times as long as the base alone\n", b / a }'
