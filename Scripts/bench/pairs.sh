#!/usr/bin/env bash
# Fits a subspace to few and to many pairs and compares the memory that is held with the plan.
#
#   Scripts/bench/pairs.sh
#
# Settings, beside those of common.sh: COUNTS="500 2000 20000" LAYERS=28-29 MAX_TOKENS=16 RECIPE=paper RANK=2
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

paradetox=$shared/paradetox/paradetox.tsv
fit=(--layers "${LAYERS:-28-29}" --max-tokens "${MAX_TOKENS:-16}" --recipe "${RECIPE:-paper}" --rank "${RANK:-2}")

if [[ ! -f $paradetox ]]; then
  echo "Skipped: the pairs come from $paradetox, which is not here."
  exit 0
fi

for count in ${COUNTS:-500 2000 20000}; do
  python3 Benchmarks/many_pairs.py "$paradetox" "$count" >"$scratch/pairs.jsonl"
  rm -f "$scratch/s.safetensors"
  "$profs" inspect "$model" --pairs "$scratch/pairs.jsonl" "${fit[@]}" --json -q >"$scratch/plan.json"
  "$profs" fit "$model" --pairs "$scratch/pairs.jsonl" "${fit[@]}" --out "$scratch/s.safetensors" --json >"$scratch/fit.json"
  python3 - "$scratch" <<'PYTHON'
import json, sys
read = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
plan, fit = read("plan"), read("fit")
rest = next(item["bytes"] for item in plan["memory"] if item["purpose"].startswith("the program"))
print(f"{fit['pairs']} pairs, {fit['tokens']} tokens: {fit['peak_memory_bytes'] / 1e6:.0f} MB held, "
      f"{plan['memory_bytes'] / 1e6:.0f} MB planned ({rest / 1e6:.0f} MB of it the program, vocabulary and token ids), "
      f"{fit['gram']['size']} × {fit['gram']['size']} products of {fit['gram']['of']}, weights read {fit['weight_passes']} times, "
      f"{fit['seconds']:.0f} s")
PYTHON
done
