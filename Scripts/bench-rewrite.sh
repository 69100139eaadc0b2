#!/usr/bin/env bash
# Times `profs apply` on a checkpoint of some GB against `cp` of the same files, in turn, each from a warm page cache and with
# what was written forced onto the disk, as profs forces it. Prints the ratio of the medians.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-3} gigabytes=${GIGABYTES:-4}
profs=$PWD/.build/release/profs
[[ -x $profs && -n ${SKIP_BUILD:-} ]] || swift build -c release --product profs
Scripts/fixtures/venv.sh

scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-rewrite.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python Benchmarks/rewrite_checkpoint.py "$scratch/model" "$gigabytes" "$scratch/subspace"
sync

# seconds NAME COMMAND…: runs the command with the files of the model in the page cache, and prints its seconds.
seconds() {
  local name=$1 from to
  shift
  cat "$scratch"/model/* >/dev/null
  from=$(date +%s%N)
  "$@" >"$scratch/$name.log" 2>&1 || { cat "$scratch/$name.log" >&2; exit 1; }
  to=$(date +%s%N)
  awk -v ns=$((to - from)) 'BEGIN { printf "%.2f\n", ns / 1e9 }' | tee -a "$scratch/$name.seconds"
  rm -rf "$scratch/out"
  sync
}
copy() { cp -r "$scratch/model" "$scratch/out" && find "$scratch/out" -type f -exec sync {} +; }
median() { sort -n "$scratch/$1.seconds" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
for ((run = 1; run <= runs; run++)); do
  printf 'run %d  cp, synced  ' "$run"
  seconds synced copy
  printf 'run %d  cp          ' "$run"
  seconds cp cp -r "$scratch/model" "$scratch/out"
  printf 'run %d  profs apply ' "$run"
  seconds apply "$profs" apply "$scratch/model" --subspace "$scratch/subspace" --out "$scratch/out" -q
done
awk -v a="$(median apply)" -v s="$(median synced)" -v c="$(median cp)" \
  'BEGIN { printf "median: profs apply %.2f s, cp and sync %.2f s (ratio %.2f), cp without %.2f s (ratio %.2f)\n", a, s, a / s, c, a / c }'
