#!/usr/bin/env bash
# Alters files for one reader, or for each of them, SECONDS (60) each: fuzz.sh [READER|all] [SECONDS] [SEED]
# Readers are named in Tests/HostileInputTests/Reader.swift.
#
# By libFuzzer and the address sanitizer: files that reach new code are kept in .build/fuzzing/corpus/READER and altered further,
# by this run and by the next. A file that ends the process, takes a minute, or makes it ask for more than a gigabyte at
# once stays in .build/fuzzing/corpus as found-….
set -euo pipefail
[[ ${1:-} != -* ]] || { sed -n "2,/^set/{/^#/s/^# \{0,1\}//p}" "$0"; exit; }
cd "$(dirname "$0")/.."

runtime=$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["paths"]["runtimeResourcePath"])')
library=$(echo "$runtime"/clang/lib/linux/libclang_rt.fuzzer_no_main-"$(uname -m)".a)
options=(-c release --sanitize=address -Xswiftc -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp
  --scratch-path .build/fuzzing -Xlinker -u -Xlinker LLVMFuzzerRunDriver -Xlinker -u -Xlinker LLVMFuzzerMutate -Xlinker "$library"
  -Xlinker -lstdc++ -Xlinker -lm)
[[ -n ${SKIP_BUILD:-} ]] || swift build "${options[@]}" --build-tests

seconds=${2:-60} seed=${3:-$RANDOM}
readers=("${1:-all}")
[[ ${readers[0]} != all ]] || mapfile -t readers < <(sed -n 's/.*Reader(name: "\([^"]*\)").*/\1/p' Tests/HostileInputTests/Reader+*.swift)
export PROFS_FUZZ_SECONDS=$seconds PROFS_FUZZ_SEED=$seed
export ASAN_OPTIONS=detect_leaks=0:symbolize=0:handle_sigbus=0
for reader in "${readers[@]}"; do
  export PROFS_FUZZ_READER=$reader PROFS_FUZZ_CORPUS=$PWD/.build/fuzzing/corpus/$reader
  mkdir -p "$PROFS_FUZZ_CORPUS"
  echo "$reader, seed $seed"
  # Without a line for each file that is kept, and without the words that it learned.
  swift test "${options[@]}" --skip-build --disable-xctest --filter CoverageTests 2>&1 |
    sed -u -E '/^#[0-9]+\s+(NEW|REDUCE|RELOAD)/d; /# Uses|recommended dictionary/d'
done
