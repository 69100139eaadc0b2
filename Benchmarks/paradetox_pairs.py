"""Writes the benchmark's pairs: the first COUNT rows of ParaDetox, toxic sentence rejected, first rewrite chosen.

    python3 Benchmarks/paradetox_pairs.py paradetox.tsv COUNT [WORDS] > pairs.jsonl

With WORDS, rows are left out of which a side has fewer words.
"""

import csv
import json
import sys

count = int(sys.argv[2])
words = int(sys.argv[3]) if len(sys.argv) > 3 else 1
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file, delimiter="\t"):
        if count == 0:
            break
        if min(len(row[side].split()) for side in ("neutral1", "toxic")) < words:
            continue
        count -= 1
        print(json.dumps({"chosen": row["neutral1"], "rejected": row["toxic"]}, ensure_ascii=False))
