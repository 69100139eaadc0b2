#!/usr/bin/env bash
# Builds everything under a sanitizer and runs the tests: test-sanitizers.sh address|undefined|thread [arguments of swift test].
# Each has a build folder of its own below .build. OpenBLAS, oneDNN and libgomp are the system's and not looked into.
#
# `address` and `undefined` are one build: Swift code traps by itself on what is undefined in C, and that C is ours to check is a
# few files, whose instrumentation costs nothing. There undefined behaviour ends the process by an illegal instruction.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitizer=${1:?address, undefined or thread}
shift
case $sanitizer in
address | undefined)
  sanitizer=address
  options=(--sanitize=address -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined)
  ;;
thread) options=(--sanitize=thread) ;;
*)
  echo "$sanitizer: expected address, undefined or thread" >&2
  exit 64
  ;;
esac
options=(-c release "${options[@]}" --scratch-path ".build/$sanitizer")
swift build "${options[@]}" --build-tests

# Tests of memory, and those that load a library before all others, skip where this is set.
export PROFS_SANITIZER=$sanitizer
# Leaks are measured by LeakTests. What ends a process is its exit code, so that no finding in a child is missed.
# SIGBUS is the command's own to handle; in the tests it ends the process in any case.
export ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0:exitcode=99
if [[ $sanitizer == thread ]]; then
  clang -shared -fPIC -O1 Scripts/faults/thread-sanitizer.c -o .build/thread/locks.so
  export LD_PRELOAD=$PWD/.build/thread/locks.so
fi
# libgomp's barriers are futexes, which the thread sanitizer does not see.
export TSAN_OPTIONS=suppressions=$PWD/Scripts/faults/thread-sanitizer.txt:exitcode=99
exec swift test "${options[@]}" --skip-build --disable-xctest "$@"
