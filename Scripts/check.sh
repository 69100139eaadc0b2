#!/usr/bin/env bash
# Format, layering, documentation, links, the documents' examples, lengths of files. Needs Swift alone, and builds nothing of the package.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
swift format lint --strict --recursive --parallel Package.swift Sources Tests Scripts Benchmarks || failed=1

mkdir -p .build
if [[ ! -x .build/checks || -n $(find Scripts/checks -name '*.swift' -newer .build/checks) ]]; then
  swiftc -swift-version 6 -O -o .build/checks Scripts/checks/*.swift
fi
swift package dump-package >.build/manifest.json
.build/checks <.build/manifest.json || failed=1

[[ $failed -eq 0 ]] || echo "Checks failed. 'make format' mends most faults of format." >&2
exit $failed
