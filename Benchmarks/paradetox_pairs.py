"""Writes the benchmark's pairs: the first COUNT rows of ParaDetox, toxic sentence rejected, first rewrite chosen.

    python3 Benchmarks/paradetox_pairs.py paradetox.tsv COUNT > pairs.jsonl
"""

import csv
import json
import sys

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for index, row in enumerate(csv.DictReader(file, delimiter="\t")):
        if index == int(sys.argv[2]):
            break
        print(json.dumps({"chosen": row["neutral1"], "rejected": row["toxic"]}, ensure_ascii=False))
