#!/usr/bin/env bash
# Builds everything under one sanitizer and runs the tests: test-sanitizers.sh address|thread|undefined [arguments of swift test].
# Each has a build folder of its own below .build. OpenBLAS, oneDNN and libgomp are the system's and not looked into.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizer=${1:?address, thread or undefined}
shift
options=(-c release --sanitize="$sanitizer" --scratch-path ".build/$sanitizer")
swift build "${options[@]}" --build-tests

# Leaks are measured by LeakTests. What ends a process is its exit code, so that no finding in a child is missed.
export ASAN_OPTIONS=detect_leaks=0:exitcode=99
# libgomp's barriers are futexes, which the thread sanitizer does not see.
export TSAN_OPTIONS=suppressions=$PWD/Scripts/faults/thread-sanitizer.txt:exitcode=99
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:exitcode=99
exec swift test "${options[@]}" --skip-build --disable-xctest "$@"
