#!/usr/bin/env python3
"""alt-profanity-check as an external scorer: {"text": …} lines in, {"score": …} lines out.

Its published weights (TF-IDF over words, five calibrated linear SVMs) as safetensors and a vocabulary, read without
pickles and without scikit-learn:

    train-scorer evaluate --scorer 'exec:.venv/bin/python Scripts/scorers/alt_profanity_check.py FOLDER'

With --check the scores are compared with the folder's golden.jsonl instead.
"""

import json
import pathlib
import re
import sys

import numpy as np
from safetensors.numpy import load_file

WORD = re.compile(r"(?u)\b\w\w+\b")


class Scorer:
    def __init__(self, folder):
        weights = load_file(folder / "weights.safetensors")
        # Stop words are not in the vocabulary, so they need no list of their own.
        self.index = {word: i for i, word in enumerate(json.loads((folder / "vocab.json").read_text()))}
        self.idf, self.coefficients, self.intercept = weights["idf"], weights["coef"], weights["intercept"]
        self.slope, self.offset = weights["cal_a"], weights["cal_b"]

    def score(self, text):
        counts = {}
        for word in WORD.findall(text.lower()):
            if word in self.index:
                counts[self.index[word]] = counts.get(self.index[word], 0) + 1
        columns = np.array(list(counts), dtype=int)
        values = np.array(list(counts.values()), dtype=float) * self.idf[columns]
        norm = np.linalg.norm(values)
        distances = self.coefficients[:, columns] @ (values / (norm or 1)) + self.intercept
        return float(np.mean(1 / (1 + np.exp(self.slope * distances + self.offset))))


def main():
    folder = pathlib.Path(sys.argv[1])
    scorer = Scorer(folder)
    if "--check" in sys.argv:
        goldens = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
        print(max(abs(scorer.score(golden["text"]) - golden["prob"][0]) for golden in goldens))
        return
    for line in sys.stdin:
        print(json.dumps({"score": scorer.score(json.loads(line)["text"])}), flush=True)


if __name__ == "__main__":
    main()
