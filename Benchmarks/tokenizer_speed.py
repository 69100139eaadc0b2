"""Times tokenizers of `profs` against Hugging Face `tokenizers` on the same files and prose, one thread each.

    .venv/bin/python Benchmarks/tokenizer_speed.py PROFS TEXT FOLDER…

TEXT    a file of prose, one text a line
FOLDER  holds a tokenizer.json
Times exclude start-up: `profs tokenize --json` states its own, for reading the tokenizer's files and for encoding all lines.
Each is the best of RUNS, in turn; the ids must be the same.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from tokenizers import Tokenizer

RUNS = 5


def with_profs(profs, folder, text):
    run = subprocess.run([profs, "tokenize", folder, "--texts", text, "--json"], capture_output=True, check=True)
    result = json.loads(run.stdout)
    seconds = result["seconds"]
    return seconds["loading"], seconds["encoding"], [entry["ids"] for entry in result["texts"]]


def with_tokenizers(folder, lines):
    start = time.perf_counter()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    loaded = time.perf_counter()
    encodings = [tokenizer.encode(line) for line in lines]
    return loaded - start, time.perf_counter() - loaded, [encoding.ids for encoding in encodings]


def main():
    profs, text, *folders = map(Path, sys.argv[1:])
    lines = text.read_text().splitlines()
    size = sum(len(line.encode()) for line in lines)
    print(f"{text.name}: {size / 1e6:.1f} MB in {len(lines)} lines")
    for folder in folders:
        own, reference = [], []
        for _ in range(RUNS):
            own.append(with_profs(profs, folder, text))
            reference.append(with_tokenizers(folder, lines))
        assert own[0][2] == reference[0][2], f"{folder}: ids differ"
        file = (folder / "tokenizer.json").stat().st_size / 1e6
        for name, runs in (("profs", own), ("tokenizers", reference)):
            loading, encoding = (min(run[index] for run in runs) for index in (0, 1))
            print(f"{folder.name:14} {file:5.1f} MB  {name:10}  loads in {loading:.3f} s, "
                  f"encodes {size / encoding / 1e6:5.1f} MB/s")


if __name__ == "__main__":
    main()
