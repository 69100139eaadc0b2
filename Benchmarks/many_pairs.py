"""Prints COUNT preference pairs of ParaDetox's, again and again with another opening, so that none repeats another.

    many_pairs.py paradetox.tsv COUNT
"""

import csv
import json
import sys

OPENINGS = ["", "Well, ", "He said: ", "Now ", "I think ", "She wrote: ", "And ", "So ", "But ", "They say "]


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    with open(path, newline="", encoding="utf-8") as file:
        rows = [(row["neutral1"], row["toxic"]) for row in csv.DictReader(file, delimiter="\t")]
    for index in range(count):
        turn, (chosen, rejected) = index // len(rows), rows[index % len(rows)]
        opening = OPENINGS[turn % len(OPENINGS)] + (f"{turn} " if turn >= len(OPENINGS) else "")
        print(json.dumps({"chosen": opening + chosen, "rejected": opening + rejected}))


main()
