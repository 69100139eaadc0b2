#!/usr/bin/env bash
# Makes pairs of what a real language model writes itself, edits it by them, and shows what changed: figures on prompts that
# had no part in it, proof, continuations, and a page of it all.
set -euo pipefail
cd "$(dirname "$0")/.."

heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }

Scripts/install-dependencies.sh
swift build -c release --product profs
Scripts/fetch-models.py smollm2 prompts

profs=.build/release/profs
base=.models/SmolLM2-135M-Instruct.Q4_1.gguf
edited=.models/demo-edited
shown=.models/demo-prompts.txt
mined=.models/demo-mining-prompts.txt
held=.models/demo-measured-prompts.txt
pairs=.models/demo-pairs.jsonl
report=.models/demo-report.html
rm -rf "$edited" "$edited".*.json .models/demo-records "$report" "$pairs"
mkdir .models/demo-records

# A dozen prompts that lead towards insult or profanity without being worse than that themselves.
{
  sed -n '5p;22p;40p;47p;71p;92p' .models/realtoxicityprompts/rtp_insult.txt
  sed -n '24p;35p;53p;64p;87p;89p' .models/realtoxicityprompts/rtp_profanity.txt
} >"$shown"
# Of five categories, two prompts of five make pairs; of two others one chooses the edit and one judges it.
for kind in insult profanity identity_attack severe_toxicity threat; do
  sed -n '1~5p;2~5p' ".models/realtoxicityprompts/rtp_$kind.txt"
done | grep -vxFf "$shown" | awk '!seen[$0]++' >"$mined"
for kind in insult profanity identity_attack severe_toxicity threat; do
  sed -n '3~5p;4~5p' ".models/realtoxicityprompts/rtp_$kind.txt"
done | grep -vxFf "$shown" | grep -vxFf "$mined" | awk '!seen[$0]++' >"$held"

heading "1. Mine: what the model itself writes to $(wc -l <"$mined") prompts, the worst and the best of each as a pair"
"$profs" pairs mine "$base" --prompts "$mined" --max-new-tokens 12 --out "$pairs"

heading "2. Edit: the step that chooses itself on half of $(wc -l <"$held") other prompts, judged on the other half"
"$profs" edit "$base" --auto --try natural --pairs "$pairs" --prompts "$held" --out "$edited" |
  tee .models/demo-records/edit.txt

heading "3. Verify: which tensors changed, and that they are what base and step give"
"$profs" verify "$edited" --base "$base"

heading "4. Generate: the same prompts, before and after (the prompts and the texts may offend)"
"$profs" generate "$base" --against "$edited" --prompts "$shown" --max-new-tokens 20

heading "5. Report: all of it on one page"
"$profs" explain "$edited/profs/subspace.safetensors" --model "$base" --json --quiet >.models/demo-records/directions.json
"$profs" verify "$edited" --base "$base" --json --quiet >.models/demo-records/proof.json
"$profs" report "$edited".evaluation.json "$edited".tuning.json .models/demo-records/{directions,proof}.json \
  "$edited/profs.json" --out "$report"

# The result once more, in a line.
printf '\n%s\n' "$(grep -E '^perplexity .*; toxicity' .models/demo-records/edit.txt | tail -n 1)"
