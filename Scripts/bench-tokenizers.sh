#!/usr/bin/env bash
# Times `profs tokenize` against Hugging Face `tokenizers`: how long a tokenizer.json takes to load, and prose to encode, on one
# core each. The prose is WikiText-2's test split where the shared data is, else the neutral text many times over.
set -euo pipefail
cd "$(dirname "$0")/.."

model=.models/smollm2-bf16
made=.models/bench-tokenizers
text=${PROFS_SHARED_DATA:-../shared/data}/wikitext-2/test.txt

swift build -c release --product profs
Scripts/fixtures/venv.sh
Scripts/fixtures/smollm2_folder.sh "$model"
mkdir -p "$made"
if [[ ! -f $text ]]; then
  text=$made/neutral.txt
  for ((copy = 0; copy < 140; copy++)); do cat Data/neutral.txt; done >"$text"
fi
[[ -d $made/unigram ]] || .venv/bin/python Benchmarks/make_tokenizers.py "$model" "$text" "$made"
folders=("$model" "$made/large-bpe" "$made/unigram")
[[ -d .models/all-MiniLM-L6-v2 ]] && folders+=(.models/all-MiniLM-L6-v2)

grep -m1 'model name' /proc/cpuinfo 2>/dev/null | sed 's/.*: //' || true
echo "one core each; load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"
TOKENIZERS_PARALLELISM=false .venv/bin/python Benchmarks/tokenizer_speed.py .build/release/profs "$text" "${folders[@]}"
