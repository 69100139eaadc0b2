#!/usr/bin/env bash
# Kills profs at random moments, 51 times unless KILLS says how often each kind of run, and checks what is left.
set -euo pipefail
cd "$(dirname "$0")/.."
PROFS_KILLS=${KILLS:-17} swift test -c release --disable-xctest --filter KillTests
