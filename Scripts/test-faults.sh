#!/usr/bin/env bash
# Makes every single system call of an edit, an edit in place and an evaluation fail in turn, or MOMENTS of each kind, and
# checks that the old state or the new one is left. See Scripts/faults/faults.c for the calls and the faults.
set -euo pipefail
cd "$(dirname "$0")/.."
PROFS_FAULTS=${MOMENTS:-1000} swift test -c release --disable-xctest --no-parallel --filter FaultInjectionTests
