# What the benchmark scripts share; sourced by them from the project's folder.
#
# Settings: RUNS, THREADS (2), MODEL (.models/smollm2-bf16), BENCH_RECORDS (a file that takes a line for each comparison, for
# Scripts/performance.sh), SKIP_BUILD, PROFS (the command, where it is not the one that is built).

runs=${RUNS:-3} threads=${THREADS:-2}
model=${MODEL:-.models/smollm2-bf16}
profs=${PROFS:-$PWD/.build/release/profs}
python=$PWD/.venv/bin/python
shared=${PROFS_SHARED_DATA:-../shared/data}
prose=$shared/wikitext-2/test.txt
[[ -f $prose ]] || prose=Data/neutral.txt
has_bf16=$(grep -c -m1 avx512_bf16 /proc/cpuinfo || true)

[[ -n ${SKIP_BUILD:-}${PROFS:-} ]] || swift build -c release --product profs
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh .models/smollm2-bf16
scratch=$(mktemp -d "${TMPDIR:-/tmp}/profs-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=$threads HF_HUB_OFFLINE=1

# note NAME SECONDS: adds to NAME's list, and says so.
note() {
  printf '%s\n' "$2" >>"$scratch/$1.seconds"
  printf '  %-24s %8.2f s\n' "$1" "$2"
}
# elapsed NAME COMMAND…: runs the command and notes its wall-clock seconds; its output goes to NAME.log.
elapsed() {
  local name=$1 from to
  shift
  from=$(date +%s%N)
  "$@" >"$scratch/$name.log" 2>"$scratch/$name.err" || { cat "$scratch/$name.err" >&2; exit 1; }
  to=$(date +%s%N)
  note "$name" "$(awk -v ns=$((to - from)) 'BEGIN { printf "%.3f", ns / 1e9 }')"
}
# own NAME COMMAND…: the same with the seconds that the command states, as the member "seconds" of its JSON.
own() {
  local name=$1
  shift
  "$@" >"$scratch/$name.log" 2>"$scratch/$name.err" || { cat "$scratch/$name.err" >&2; exit 1; }
  note "$name" "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])' <"$scratch/$name.log")"
}
median() {
  sort -n "$scratch/$1.seconds" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
# compare WHAT OURS PEER: prints how often PEER's median holds OURS', both names of lists.
compare() {
  local ours theirs
  ours=$(median "$2") theirs=$(median "$3")
  awk -v w="$1" -v a="$ours" -v b="$theirs" -v p="$3" 'BEGIN {
    printf "%s: profs %.2f s, %s %.2f s: %.2f times as fast\n", w, a, p, b, b / a }'
  [[ -z ${BENCH_RECORDS:-} ]] ||
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$ours" "$theirs" "Scripts/bench/$(basename "$0")" >>"$BENCH_RECORDS"
}

grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
echo "$threads threads, $runs runs; load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"
