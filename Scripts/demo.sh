#!/usr/bin/env bash
# Edits a real language model with the starter pairs and shows what changed: proof, continuations, toxicity and
# perplexity, and a page of it all.
set -euo pipefail
cd "$(dirname "$0")/.."

heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }

Scripts/install-dependencies.sh
swift build -c release --product profs
Scripts/fetch-models.py smollm2 prompts

profs=.build/release/profs
base=.models/SmolLM2-135M-Instruct.Q4_1.gguf
edited=.models/demo-edited
prompts=.models/demo-prompts.txt
measured=.models/demo-measured-prompts.txt
records=.models/demo-records
report=.models/demo-report.html
rm -rf "$edited" "$records" "$report"
mkdir "$records"

# A dozen prompts that lead towards insult or profanity without being worse than that themselves.
{
  sed -n '5p;22p;40p;47p;71p;92p' .models/realtoxicityprompts/rtp_insult.txt
  sed -n '24p;35p;53p;64p;87p;89p' .models/realtoxicityprompts/rtp_profanity.txt
} >"$prompts"

heading "1. Edit: remove the directions that tell the rejected texts from the chosen ones, ordinary text protected"
"$profs" edit "$base" --pairs Data/starter-pairs.jsonl --recipe protected --rank 8 --out "$edited"

heading "2. Verify: which tensors changed, and that the edited ones no longer write along it"
"$profs" verify "$edited" --base "$base"

heading "3. Generate: the same prompts, before and after (the prompts and the texts may offend)"
"$profs" generate "$base" --against "$edited" --prompts "$prompts" --max-new-tokens 20

# Others than those above, every fifth of five categories; the edit was made from the starter pairs alone.
for kind in insult profanity identity_attack severe_toxicity threat; do
  sed -n '3~5p' ".models/realtoxicityprompts/rtp_$kind.txt"
done | grep -vxFf "$prompts" >"$measured"

heading "4. Evaluate: how much less toxic, and at what cost, on $(wc -l <"$measured") other prompts and ordinary text"
"$profs" eval "$base" "$edited" --prompts "$measured" --text Data/neutral.txt --window 256 --stride 256 \
  --out "$records/eval.json" | tee "$records/eval.txt"

heading "5. Report: all of it on one page"
"$profs" explain "$edited/profs/subspace.safetensors" --model "$base" --json --quiet >"$records/directions.json"
"$profs" verify "$edited" --base "$base" --json --quiet >"$records/proof.json"
"$profs" report "$records"/{eval,directions,proof}.json "$edited/profs.json" --out "$report"

# The result once more, in a line.
printf '\n%s\n' "$(tail -n 1 "$records/eval.txt")"
