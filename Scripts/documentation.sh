#!/usr/bin/env bash
# Builds the documentation of the library ProFS, .build/documentation.doccarchive, from what is public in the modules it passes
# on and from its catalog. A link to a symbol that is not there, a parameter that a function does not have, a type that no topic
# of the catalog names is an error. To read it: `python3 -m http.server -d .build/documentation.doccarchive`, and then
# /documentation/profs there.
set -euo pipefail
cd "$(dirname "$0")/.."

swift build -c release --target ProFS
built=$(swift build -c release --show-bin-path)
triple=$(swift -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)",/\1/p')

# Modules in C, without which those in Swift cannot be loaded: their maps are made by the build, or stand in the sources.
options=()
for map in Sources/*/module.modulemap; do options+=(-I "$(dirname "$map")"); done
for map in "$built"/*.build/module.modulemap; do options+=(-Xcc "-fmodule-map-file=$map"); done

symbols=.build/documentation-symbols
rm -rf "$symbols"
mkdir -p "$symbols"
modules=$(sed -n 's/^@_exported public import //p' Sources/ProFS/ProFS.swift | paste -sd ,)
swift symbolgraph-extract -module-name ProFS -target "$triple" -I "$built/Modules" "${options[@]}" \
  -minimum-access-level public -skip-inherited-docs -experimental-allowed-reexported-modules="$modules" \
  -output-dir "$symbols"

docc=$(dirname "$(readlink -f "$(command -v swift)")")/docc
"$docc" convert Sources/ProFS/ProFS.docc --additional-symbol-graph-dir "$symbols" \
  --fallback-display-name ProFS --fallback-bundle-identifier ProFS --fallback-default-module-kind Library \
  --output-dir .build/documentation.doccarchive --warnings-as-errors

# What no topic names stands under a title that was made up for it.
if grep -o '"generated":true' .build/documentation.doccarchive/data/documentation/profs.json >/dev/null; then
  echo "Sources/ProFS/ProFS.docc/ProFS.md: a public type is in none of its topics; see the end of the page that was built." >&2
  exit 1
fi
