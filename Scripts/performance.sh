#!/usr/bin/env bash
# Measures this machine's limits and every benchmark, and writes the table in Documentation/Performance.md anew. Takes half an hour
# on two cores; with RUNS=1 a third of that. Name benchmarks to run fewer of them; the table then holds those alone.
#
#   Scripts/performance.sh [edit] [prefill] [evaluation] [tokenizers] [rewriting] [training] [merging] [startup]
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-dependencies.sh
export BENCH_RECORDS SKIP_BUILD=1
BENCH_RECORDS=$(mktemp)
limits=$(mktemp)
trap 'rm -f "$BENCH_RECORDS" "$limits"' EXIT
swift build -c release --product profs
swift build -c release --product measure-limits
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh .models/smollm2-bf16
.build/release/measure-limits --threads "${THREADS:-2}" --file .models/smollm2-bf16/model.safetensors >"$limits"
cat "$limits"
printf 'runs\t%s\n' "${RUNS:-3}" >>"$BENCH_RECORDS"
[[ $# -gt 0 ]] || set -- edit prefill evaluation tokenizers rewriting training merging startup
for name in "$@"; do
  echo "== $name"
  "Scripts/bench/$name.sh"
done
python3 Benchmarks/performance_table.py "$limits" "$BENCH_RECORDS" Documentation/Performance.md
