#!/usr/bin/env bash
# Times the start of `profs` (--version) beside that of a shell that does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

# times COMMAND…: seconds of one of twenty runs.
times() {
  local from to
  from=$(date +%s%N)
  for ((i = 0; i < 20; i++)); do "$@" >/dev/null; done
  to=$(date +%s%N)
  awk -v ns=$((to - from)) 'BEGIN { printf "%.4f", ns / 20e9 }'
}
for ((run = 1; run <= runs; run++)); do
  note start "$(times "$profs" --version)"
  note shell "$(times bash -c :)"
done
awk -v a="$(median start)" -v b="$(median shell)" 'BEGIN { printf "start-up: %.0f ms, of a shell %.0f ms\n", a * 1e3, b * 1e3 }'
[[ -z ${BENCH_RECORDS:-} ]] || printf 'start\t%s\n' "$(median start)" >>"$BENCH_RECORDS"
