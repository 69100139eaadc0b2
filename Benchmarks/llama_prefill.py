"""Reads texts with llama.cpp, each from an empty context, and prints the seconds as JSON: what `profs embed` is timed against.

    .venv/bin/python Benchmarks/llama_prefill.py MODEL.gguf TEXTS.jsonl [--threads 2]

Needs llama-cpp-python, which builds llama.cpp for this processor. Loading and tokenization are not counted, nor a first text
as warm-up. Only the last token of a text gets logits.
"""

import argparse
import json
import time

from llama_cpp import Llama


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    llama = Llama(args.model, n_ctx=1024, n_batch=1024, n_ubatch=512, n_threads=args.threads, n_threads_batch=args.threads,
                  n_gpu_layers=0, verbose=False)
    with open(args.texts, encoding="utf-8") as file:
        texts = [llama.tokenize(json.loads(line)["text"].encode(), add_bos=False)[:1024] for line in file]
    llama.eval(texts[0])
    start = time.perf_counter()
    for tokens in texts:
        llama.reset()
        llama.eval(tokens)
    seconds = time.perf_counter() - start
    tokens = sum(map(len, texts))
    print(json.dumps({"seconds": seconds, "tokens": tokens, "tokens_per_second": tokens / seconds}))


if __name__ == "__main__":
    main()
