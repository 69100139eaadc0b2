#!/usr/bin/env bash
# Times `profs tokenize` against Hugging Face `tokenizers`: how long a tokenizer.json takes to load, and prose to encode, on one
# core each. The prose is WikiText-2's test split where the shared data is, else the neutral text many times over.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/bench/common.sh

made=.models/bench-tokenizers
mkdir -p "$made"
if [[ $prose == Data/* ]]; then
  prose=$made/neutral.txt
  for ((copy = 0; copy < 140; copy++)); do cat Data/neutral.txt; done >"$prose"
fi
[[ -d $made/unigram ]] || "$python" Benchmarks/make_tokenizers.py "$model" "$prose" "$made"
folders=("$model" "$made/large-bpe" "$made/unigram")
[[ -d .models/all-MiniLM-L6-v2 ]] && folders+=(.models/all-MiniLM-L6-v2)
TOKENIZERS_PARALLELISM=false "$python" Benchmarks/tokenizer_speed.py "$profs" "$prose" "${folders[@]}"
