#!/usr/bin/env bash
# Times `profs fit` on pairs of one prompt and two continuations of equal length, with the prompt shared and with one word
# before it that keeps the sides apart, in turn. Prints tokens of both, the seconds of the fit, and how they compare turn by turn
# (medians).
#
#   Scripts/bench/sharing.sh
#
# Settings: PAIRS=100 RUNS=3 THREADS=2 LAYERS=16-30 SHAPES="48:12 48:16 32:32" (words of prompt and continuation)
set -euo pipefail
cd "$(dirname "$0")/../.."

source Scripts/bench/common.sh

pairs=${PAIRS:-100}
for shape in ${SHAPES:-48:12 48:16 32:32}; do
  python3 Benchmarks/prompt_pairs.py "$prose" "$pairs" ${shape/:/ } Yes Yes >"$scratch/shared.jsonl"
  python3 Benchmarks/prompt_pairs.py "$prose" "$pairs" ${shape/:/ } Yes No >"$scratch/apart.jsonl"
  for ((run = 1; run <= runs; run++)); do
    for form in shared apart; do
      rm -f "$scratch/s.safetensors"
      "$profs" fit "$model" --pairs "$scratch/$form.jsonl" --recipe paper --layers "${LAYERS:-16-30}" --threads "$threads" \
        --out "$scratch/s.safetensors" --json >>"$scratch/$shape.$form.json"
    done
  done
  python3 - "$scratch/$shape" "$shape" <<'PYTHON'
import json, statistics, sys
def runs(form):
    decoder, text, found = json.JSONDecoder(), open(f"{sys.argv[1]}.{form}.json").read().lstrip(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found[0]["tokens"], [run["seconds"] for run in found]
(tokens, seconds), (all_tokens, all_seconds) = runs("shared"), runs("apart")
ratios = [apart / shared for shared, apart in zip(seconds, all_seconds)]
median = statistics.median
print(f"{sys.argv[2]} words: {tokens} tokens in {median(seconds):.2f} s shared, {all_tokens} in {median(all_seconds):.2f} s apart: "
      f"{all_tokens / tokens:.2f} times fewer tokens, {median(ratios):.2f} times as fast (turn by turn {min(ratios):.2f} to {max(ratios):.2f})")
PYTHON
done
