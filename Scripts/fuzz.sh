#!/usr/bin/env bash
# Alters files for one reader at random for SECONDS (60), or for each of them: fuzz.sh [READER|all] [SECONDS] [SEED].
# Readers are named in Tests/HostileInputTests/Reader.swift. Within 6 GB of address space, so that an allocation that a
# file does not justify ends the run; the file that did it stays in the temporary folder, below mutation-READER-….
set -euo pipefail
cd "$(dirname "$0")/.."

[[ ${1:-all} == all ]] || export PROFS_FUZZ_READER=$1
export PROFS_FUZZ_SECONDS=${2:-60} PROFS_FUZZ_SEED=${3:-$RANDOM}
echo "seed $PROFS_FUZZ_SEED"
swift build -c release --build-tests
ulimit -v 6000000
exec swift test -c release --skip-build --disable-xctest --no-parallel --filter MutationTests
