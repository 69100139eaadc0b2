"""Writes the tokenizer.json files that the benchmark of tokenizers needs beside SmolLM2's.

    .venv/bin/python Benchmarks/make_tokenizers.py SMOLLM2_FOLDER TEXT OUT_FOLDER

large-bpe  byte-level BPE of the size of Llama 3's: SmolLM2's, and more tokens that each join two old ones, drawn at random,
           so that prose is cut as before but for some words
unigram    Unigram as in T5's and XLM-R's files, trained on TEXT
"""

import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TOKENS = 128_000


def large_bpe(source):
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    vocabulary, merges = tokenizer["model"]["vocab"], tokenizer["model"]["merges"]
    old = [token for token in vocabulary if not token.startswith("<|") and len(token) < 12]
    known = {tuple(merge) for merge in merges}
    draw = random.Random(7)

    def merge(left, right):
        if (left, right) not in known:
            known.add((left, right))
            merges.append([left, right])

    made = []
    while len(vocabulary) < TOKENS:
        left, right = draw.choice(old), draw.choice(old)
        if left + right not in vocabulary:
            vocabulary[left + right] = len(vocabulary)
            made.append(left + right)
            merge(left, right)
    # As in Llama 3's file, most tokens can be made in more than one way.
    for token in made:
        for cut in range(1, len(token)):
            if token[:cut] in vocabulary and token[cut:] in vocabulary:
                merge(token[:cut], token[cut:])
    return json.dumps(tokenizer, ensure_ascii=False, indent=2)


def unigram(lines):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=16_000, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False))
    return tokenizer.to_str(pretty=True)


def main():
    source, text, out = map(Path, sys.argv[1:])
    for name, content in (("large-bpe", large_bpe(source)), ("unigram", unigram(text.read_text().splitlines()))):
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "tokenizer.json").write_text(content)


if __name__ == "__main__":
    main()
