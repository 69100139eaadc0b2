"""Continues prompts greedily with transformers, in batches of prompts of like length, and prints the seconds as JSON.

    .venv/bin/python Benchmarks/generation.py MODEL PROMPTS.txt [--tokens 10] [--threads 2] [--dtype f32] [--batches 8,32,128]

MODEL is a folder. Prompts are sorted by length, so that little is padded, and padded on the left. Loading is not counted. The
fastest batch size counts.
"""

import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("--tokens", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--batches", default="8,32,128")
    parser.add_argument("--perplexity", metavar="TEXT", help="measure this text instead of continuing prompts")
    parser.add_argument("--text-tokens", type=int, default=4000)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype).eval()
    tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if args.perplexity:
        print(json.dumps(perplexity(model, tokenizer, args)))
        return
    prompts = sorted((line for line in open(args.prompts, encoding="utf-8").read().split("\n") if line), key=len)
    seconds = {}
    for size in map(int, args.batches.split(",")):
        start = time.perf_counter()
        for first in range(0, len(prompts), size):
            inputs = tokenizer(prompts[first:first + size], return_tensors="pt", padding=True)
            with torch.inference_mode():
                model.generate(**inputs, max_new_tokens=args.tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        seconds[size] = time.perf_counter() - start
    print(json.dumps({"seconds": min(seconds.values()), "by_batch": seconds, "prompts": len(prompts)}))


@torch.inference_mode()
def perplexity(model, tokenizer, args):
    """Windows of 512 tokens, stride 256, four at a time."""
    ids = tokenizer(open(args.perplexity, encoding="utf-8").read(), return_tensors="pt").input_ids[0][:args.text_tokens]
    start = time.perf_counter()
    loss, count, windows = 0.0, 0, []
    for begin in range(0, len(ids) - 256, 256):
        windows.append(ids[begin:begin + 512])
    for first in range(0, len(windows), 4):
        for window, logits in run(model, windows[first:first + 4]):
            scored = len(window) - 1 if count == 0 else len(window) - 256
            log_p = torch.log_softmax(logits[-scored - 1:-1].float(), -1)
            loss -= log_p.gather(-1, window[-scored:, None]).sum().item()
            count += scored
    return {"seconds": time.perf_counter() - start, "nll": loss, "tokens": count}


def run(model, windows):
    whole = [window for window in windows if len(window) == 512]
    if whole:
        yield from zip(whole, model(torch.stack(whole)).logits)
    for window in windows:
        if len(window) < 512:
            yield window, model(window[None]).logits[0]


if __name__ == "__main__":
    main()
