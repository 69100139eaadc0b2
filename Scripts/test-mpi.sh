#!/usr/bin/env bash
# Builds profs with the trait MPI and checks that several processes find what one finds, that one's fault ends all, and
# that two machines do as well as one: two network namespaces, where this system lets us make them.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/install-dependencies.sh --mpi
swift build -c release --traits MPI --scratch-path .build/mpi --product profs
profs=$PWD/.build/mpi/release/profs
python=$PWD/.venv/bin/python
[[ -x $python ]] || Scripts/fixtures/venv.sh
export OMP_NUM_THREADS=1 COLUMNS=100

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
mpi=(mpirun --oversubscribe --bind-to none --quiet)
[[ $(id -u) -ne 0 ]] || mpi+=(--allow-run-as-root)

result() { # result STATUS LINE
  [[ $1 -eq 0 ]] && echo "ok    $2" || { echo "WRONG $2"; failures=$((failures + 1)); }
}

# Runs one command in one process and in 2 and 3, and compares what it writes to OUT.
compare() { # compare TITLE EXTENSION COMMAND… with OUT in it
  local title=$1 extension=$2; shift 2
  local out=$work/$title log=$work/log
  "$profs" "${@//OUT/$out.1$extension}" >"$out.1.stdout" 2>"$log" || { cat "$log"; result 1 "$title"; return 0; }
  for size in ${sizes:-2 3}; do
    local line status=0
    if timeout 600 "${mpi[@]}" -n "$size" "$profs" "${@//OUT/$out.$size$extension}" >"$out.$size.stdout" 2>"$log"; then
      line=$("$python" Scripts/fixtures/compare_ranks.py "$out.1$extension" "$out.$size$extension" \
        --tolerance "${tolerance:-1e-5}") || status=1
    else
      status=1 line=$(cat "$log")
    fi
    result $status "$title on $size: $line"
  done
}

fixtures=$PWD/Tests
model=$fixtures/TransformerTests/Fixtures/llama-tied
pairs=$fixtures/EditingTests/Fixtures/paper/pairs.jsonl
neutral=$fixtures/EditingTests/Fixtures/protected/neutral.jsonl
printf '%s\n' "The cook wrote a" "You are such a" "2 + 2 =" "A driver said" "The new guy" >"$work/prompts.txt"
for _ in $(seq 40); do printf 'The cook wrote a letter to the sea and lost the old radio. '; done >"$work/text.txt"
common=(--compute f32 --threads 1)

for recipe in paper protected detox-edit oblique natural; do
  extra=()
  [[ $recipe == paper || $recipe == detox-edit ]] || extra=(--neutral "$neutral")
  [[ $recipe != protected ]] || extra+=(--protect 4)
  compare "fit-$recipe" .safetensors fit "$model" --pairs "$pairs" --recipe $recipe "${extra[@]}" "${common[@]}" --out OUT
done
# A second step, whose pairs each process makes of a run of the prompts; the scorer calls half of all texts unwanted.
cat >"$work/scorer.py" <<'PYTHON'
import json, sys
for line in sys.stdin:
    total = sum(json.loads(line)["text"].encode())
    print(json.dumps({"score": 0.9 if total % 2 else 0.1}), flush=True)
PYTHON
for one in A The My One Some No Her His; do
  for two in cook baker sea letter dog house river tree; do
    for three in wrote sang fell ran; do echo "$one $two $three"; done
  done
done >"$work/correct.txt"
compare fit-corrected .safetensors fit "$model" --pairs "$pairs" --limit 20 --recipe natural --neutral "$neutral" \
  --correct-on "$work/correct.txt" --correct-by "exec:python3 $work/scorer.py" "${common[@]}" --out OUT
# More processes than pairs.
sizes=4 compare fit-few .safetensors fit "$model" --pairs "$pairs" --limit 2 --recipe paper --rank 1 "${common[@]}" --out OUT
compare edit "" edit "$model" --pairs "$pairs" "${common[@]}" --out OUT
status=0; "$profs" verify "$work/edit.2" --base "$model" >/dev/null 2>&1 || status=1
result $status "the edit that two processes found proves"
eval=(--prompts "$work/prompts.txt" --text "$work/text.txt" --window 32 --stride 16 --max-new-tokens 4
  --tasks "$fixtures/EvaluationTests/Fixtures/tasks/files/hub" --limit 6 "${common[@]}")
compare eval .json eval "$model" "$work/edit.1" "${eval[@]}" --out OUT
sampled=("${eval[@]}" --samples 3 --temperature 1)
sizes=2 compare eval-sampled .json eval "$model" "${sampled[@]}" --out OUT
study=(--model "$model" --pairs "$pairs" --prompts "$work/prompts.txt" --text "$work/text.txt" --window 32 --stride 32
  --subsets 2 "${common[@]}")
sizes=2 compare study .json study block-ranges --set pairs=64 "${study[@]}" --out OUT
# Samples of the same pairs with other sides exchanged, whose steps come from one pass.
cat >"$work/flips.json" <<'JSON'
{"title": "flips", "about": "model", "fixed": {"recipe": "natural", "rank": 1, "pairs": 40},
 "sweeps": [{"title": "flips", "x": {"vary": "flipped", "label": "exchanged", "values": [0, 0.1, 0.2, 0.3, 0.4]},
  "measures": ["perplexity", "kl_from_base"]}]}
JSON
sizes=2 tolerance=1e-4 compare study-steps .json study "$work/flips.json" "${study[@]}" --out OUT
search=(--pairs "$pairs" --prompts "$work/prompts.txt" --text "$work/text.txt" --try paper "${common[@]}"
  --max-perplexity-increase 1000% --max-continuation-increase 1000%)
# A change of perplexity is a small difference of two figures, so what is rounding in them is more in it.
sizes=2 tolerance=1e-4 compare tune .json tune "$model" "${search[@]}" --out OUT
sizes=2 compare auto "" edit "$model" --auto "${search[@]}" --out OUT
"${mpi[@]}" -n 2 "$profs" perplexity "$model" --text "$work/text.txt" --window 32 "${common[@]}" --json >"$work/p2.json"
"$profs" perplexity "$model" --text "$work/text.txt" --window 32 "${common[@]}" --json >"$work/p1.json"
status=0; line=$("$python" Scripts/fixtures/compare_ranks.py "$work/p1.json" "$work/p2.json") || status=1
result $status "perplexity on 2: $line"

# A run that one process began goes on with two, and the other way round: the file without its last units is taken up.
"$python" - "$work/eval.1.json" "$work/eval-begun.json" <<'PYTHON'
import json, sys
record = json.load(open(sys.argv[1]))
record.pop("summary")
record["units"] = dict(list(record["units"].items())[:2])
json.dump(record, open(sys.argv[2], "w"), separators=(",", ":"))
PYTHON
"${mpi[@]}" -n 2 "$profs" eval "$model" "$work/edit.1" "${eval[@]}" --out "$work/eval-begun.json" >/dev/null 2>&1 || true
status=0; line=$("$python" Scripts/fixtures/compare_ranks.py "$work/eval.1.json" "$work/eval-begun.json") || status=1
result $status "a run taken up by two: $line"

real=.models/smollm2-bf16
if [[ -d $real ]]; then
  # Thirty blocks in single precision, and values that nearly tie.
  sizes=2 tolerance=1e-4 compare fit-smollm2 .safetensors fit "$real" --pairs Data/starter-pairs.jsonl --limit 60 --recipe protected \
    "${common[@]}" --out OUT
else
  echo "skip  SmolLM2: there is no $real (Scripts/fixtures/smollm2_folder.sh $real makes it)"
fi

# The second process fails, by itself: all end, with its sentence, and nothing is written.
status=0
timeout 60 "${mpi[@]}" -n 1 "$profs" fit "$model" --pairs "$pairs" "${common[@]}" --out "$work/failed.safetensors" \
  : -n 1 "$profs" fit "$model" --pairs "$work/missing.jsonl" "${common[@]}" --out "$work/failed.safetensors" \
  >"$work/failed.log" 2>&1 || status=$?
said_once() { [[ $(grep -c "$1" "$2") -eq 1 ]]; }
left() { ls -A "$work" | grep -q "$1"; }
if [[ $status -eq 1 ]] && said_once 'profs: error' "$work/failed.log" && ! left failed.safetensors; then status=0; fi
result $status "one process that fails ends all: $(grep 'profs: error' "$work/failed.log" || tail -1 "$work/failed.log")"
# All fail alike: one sentence.
timeout 60 "${mpi[@]}" -n 3 "$profs" fit "$model" --pairs "$work/missing.jsonl" "${common[@]}" --out "$work/failed.safetensors" \
  >"$work/failed.log" 2>&1 && status=2 || status=$?
if [[ $status -eq 1 ]] && said_once 'profs: error' "$work/failed.log"; then status=0; fi
result $status "what is wrong for all is said once"

# Ctrl-C, and a process that is killed.
stopped() { # stopped TITLE SIGNAL
  local out=$work/stopped.safetensors
  setsid "${mpi[@]}" -n 2 "$profs" fit "$real" --pairs Data/starter-pairs.jsonl "${common[@]}" --out "$out" \
    >"$work/stopped.log" 2>&1 &
  local launcher=$! victim
  sleep 4
  case $2 in
    INT) kill -INT $launcher ;;
    KILL) victim=$(pgrep -P $launcher | tail -1); kill -KILL "$victim" ;;
  esac
  local status=0
  for _ in $(seq 100); do kill -0 $launcher 2>/dev/null || break; sleep 0.1; done
  ! kill -0 $launcher 2>/dev/null || { status=1; kill -KILL $launcher; }
  ! wait $launcher || status=1
  sleep 0.5
  if pgrep -f "$out" >/dev/null || left stopped.safetensors; then status=1; fi
  result $status "$1"
}
if [[ -d $real ]]; then
  stopped "Ctrl-C ends all and leaves nothing" INT
  stopped "a process that is killed ends all and leaves nothing" KILL
fi

# A program that does not know MPI must not do the same job twice over.
if [[ -x .build/release/profs ]]; then
  status=0
  "${mpi[@]}" -n 2 .build/release/profs fit "$model" --pairs "$pairs" --out "$work/plain.safetensors" \
    >"$work/plain.log" 2>&1 && status=1
  said_once 'traits MPI' "$work/plain.log" && ! left plain.safetensors || status=1
  result $status "a profs without MPI says so under mpirun"
fi

# Two network namespaces joined by a pair of virtual interfaces: as far apart as two machines with one disk.
first=profs-a-$$ second=profs-b-$$
namespaces() {
  ip netns add "$first" && ip netns add "$second" &&
    ip link add "va$$" netns "$first" type veth peer name "vb$$" netns "$second" &&
    ip -n "$first" addr add 10.213.0.1/24 dev "va$$" && ip -n "$second" addr add 10.213.0.2/24 dev "vb$$" &&
    ip -n "$first" link set lo up && ip -n "$second" link set lo up &&
    ip -n "$first" link set "va$$" up && ip -n "$second" link set "vb$$" up
}
if namespaces 2>"$work/namespaces.log"; then
  trap 'ip netns del "$first"; ip netns del "$second"; rm -rf "$work"' EXIT
  # What mpirun starts its helper on the other machine with, in place of ssh.
  printf '#!/usr/bin/env bash\nshift\nexec ip netns exec %s bash -c "$*"\n' "$second" >"$work/agent"
  chmod +x "$work/agent"
  local_mpi=("${mpi[@]}")
  mpi=(ip netns exec "$first" "${local_mpi[@]}" --host 10.213.0.1:1,10.213.0.2:1 --map-by ppr:1:node
    --mca plm_rsh_agent "$work/agent" --mca oob_tcp_if_include 10.213.0.0/24 --mca btl_tcp_if_include 10.213.0.0/24
    --mca btl tcp,self)
  sizes=2 compare network-fit .safetensors fit "$model" --pairs "$pairs" "${common[@]}" --out OUT
  sizes=2 compare network-eval .json eval "$model" "$work/edit.1" "${eval[@]}" --out OUT
  sent=$(ip -n "$second" -s link show "vb$$" | awk '/TX/ {getline; print $1}')
  status=0; [[ $sent -gt 20000 ]] || status=1
  result $status "the second namespace sent $sent bytes"
else
  echo "skip  network namespaces: $(tail -1 "$work/namespaces.log")"
fi

[[ $failures -eq 0 ]] || { echo "$failures checks failed" >&2; exit 1; }
