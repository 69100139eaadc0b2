#!/usr/bin/env bash
# Installs what is missing, fetches the small real model, builds and runs every test. Arguments go to `swift test`.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-dependencies.sh
Scripts/fetch-models.py smollm2 || echo "Going on without SmolLM2: the tests that need it skip." >&2
swift build -c release --build-tests
swift test -c release --skip-build --disable-xctest "$@"
