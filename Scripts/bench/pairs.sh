#!/usr/bin/env bash
# Fits a subspace to few and to many pairs and compares the memory that is held with the plan.
#
#   Scripts/bench/pairs.sh
#
# Settings: MODEL=.models/smollm2-bf16 COUNTS="500 2000 20000" LAYERS=28-29 MAX_TOKENS=16 RECIPE=paper RANK=2
set -euo pipefail
cd "$(dirname "$0")/../.."

model=${MODEL:-.models/smollm2-bf16}
paradetox=${PROFS_SHARED_DATA:-../shared/data}/paradetox/paradetox.tsv
profs=${PROFS:-.build/release/profs}
fit=(--layers "${LAYERS:-28-29}" --max-tokens "${MAX_TOKENS:-16}" --recipe "${RECIPE:-paper}" --rank "${RANK:-2}")

if [[ ! -f $paradetox ]]; then
  echo "Skipped: the pairs come from $paradetox, which is not here."
  exit 0
fi
[[ -x $profs ]] || swift build -c release --product profs
[[ $model != .models/smollm2-bf16 || -f $model/tokenizer.json ]] || Scripts/fixtures/smollm2_folder.sh "$model"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-pairs.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

for count in ${COUNTS:-500 2000 20000}; do
  python3 Benchmarks/many_pairs.py "$paradetox" "$count" >"$scratch/pairs.jsonl"
  rm -f "$scratch/s.safetensors"
  "$profs" inspect "$model" --pairs "$scratch/pairs.jsonl" "${fit[@]}" --json -q >"$scratch/plan.json"
  "$profs" fit "$model" --pairs "$scratch/pairs.jsonl" "${fit[@]}" --out "$scratch/s.safetensors" --json >"$scratch/fit.json"
  python3 - "$scratch" <<'PYTHON'
import json, sys
read = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
plan, fit = read("plan"), read("fit")
rest = plan["memory"][-1]["bytes"]
print(f"{fit['pairs']} pairs, {fit['tokens']} tokens: {fit['peak_memory_bytes'] / 1e6:.0f} MB held, "
      f"{plan['memory_bytes'] / 1e6:.0f} MB planned ({rest / 1e6:.0f} MB of it the program, vocabulary and token ids), "
      f"{fit['gram']['size']} × {fit['gram']['size']} products of {fit['gram']['of']}, weights read {fit['weight_passes']} times, "
      f"{fit['seconds']:.0f} s")
PYTHON
done
