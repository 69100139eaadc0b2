#!/usr/bin/env bash
# Edits and evaluates a checkpoint of Mistral-7B's shape (random weights, 14.8 GB) and compares memory with the plan.
#
#   Scripts/bench/scale.sh [FOLDER]
#
# FOLDER, by default a temporary one, needs 30 GB; the checkpoint there is made once and stays if FOLDER was given.
# Settings, beside those of common.sh: PAIRS=40 RECIPE=paper BLOCKS=32 TEXT_TOKENS=256
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

folder=${1:-$scratch}
model=$folder/mistral-7b-shape
[[ -d $model ]] || "$python" Benchmarks/mistral_shape.py .models/smollm2-bf16 "$model" --blocks "${BLOCKS:-32}"
fit=(--pairs Data/starter-pairs.jsonl --limit "${PAIRS:-40}" --recipe "${RECIPE:-paper}")

# Runs the command and prints the most memory of its own that it held, mapped files left out, and its seconds.
watch() { # watch NAME COMMAND…
  local name=$1 most=0 now pid start=$SECONDS
  shift
  "$@" >"$folder/$name.json" &
  pid=$!
  while now=$(awk '/RssAnon/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [[ -n $now ]]; do
    ((now <= most)) || most=$now
    sleep 0.2
  done
  wait "$pid"
  echo "$name: $((most / 1024)) MiB held, $((SECONDS - start)) s"
}

"$profs" inspect "$model" "${fit[@]}" --json >"$folder/inspect.json"
rm -rf "$folder/edited"
watch edit "$profs" edit "$model" "${fit[@]}" --out "$folder/edited" --json
"$python" - "$folder" <<'PYTHON'
import json, sys
read = lambda name: json.load(open(f"{sys.argv[1]}/{name}.json"))
plan, edit = read("inspect"), read("edit")
print(f"edit by its own account: {edit['peak_memory_bytes'] / 1e6:.0f} MB held, {plan['memory_bytes'] / 1e6:.0f} MB planned; "
      + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in edit["seconds"].items()))
PYTHON
watch eval "$profs" eval "$model" "$folder/edited" --text Data/neutral.txt --text-limit "${TEXT_TOKENS:-256}" --json
rm -rf "$folder/edited"
