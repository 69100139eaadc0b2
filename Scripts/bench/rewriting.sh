#!/usr/bin/env bash
# Times `profs apply` on a checkpoint of some GB against `cp` of the same files, in turn, each from a warm page cache and with
# what was written forced onto the disk, as profs forces it.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

"$python" Benchmarks/rewrite_checkpoint.py "$scratch/model" "${GIGABYTES:-4}" "$scratch/subspace"
sync
copy() { cp -r "$scratch/model" "$scratch/out" && find "$scratch/out" -type f -exec sync {} +; }
# fresh NAME COMMAND…: times the command with the model's files in the page cache, and removes what it wrote.
fresh() {
  cat "$scratch"/model/* >/dev/null
  elapsed "$@"
  rm -rf "$scratch/out"
  sync
}
for ((run = 1; run <= runs; run++)); do
  fresh cp-and-sync copy
  fresh cp cp -r "$scratch/model" "$scratch/out"
  fresh apply "$profs" apply "$scratch/model" --subspace "$scratch/subspace" --out "$scratch/out" -q
done
compare "a checkpoint of ${GIGABYTES:-4} GB rewritten" apply cp-and-sync
