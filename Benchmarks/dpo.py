"""DPO the usual way, with transformers and PyTorch: what `profs dpo` is timed against, on the very same batches.

    .venv/bin/python Benchmarks/dpo.py MODEL PAIRS.jsonl [--steps 10] [--batch 4] [--threads 2] [--hold-out 64]
    profs dpo MODEL --pairs PAIRS.jsonl --steps 10 --hold-out 64 --patience 1000 --out OUT --json

f32, both sides of a batch padded and run together, the reference's log-probabilities computed once, RMSprop at 1e-6 with a
warm-up of 150 steps, gradients clipped at 10. Pairs have prompt, chosen and rejected as texts. Prints one line of JSON:
the loss and the seconds of each step, and the seconds that the reference took.
"""

import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MASK = (1 << 64) - 1
TOKENS = 64
BETA = 0.1


def split_mix(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def below(random, bound):
    """A number below `bound`, as Swift's standard library draws it (Lemire 2019)."""
    product = next(random) * bound
    if product & MASK < bound:
        threshold = ((1 << 64) - bound) % bound
        while product & MASK < threshold:
            product = next(random) * bound
    return product >> 64


def order(count, seed):
    """The order of an epoch's pairs, as `profs dpo` has it."""
    random, items = split_mix(seed), list(range(count))
    for index in range(count - 1):
        other = index + below(random, count - index)
        items[index], items[other] = items[other], items[index]
    return items


def encode(tokenizer, pair):
    """Each side's tokens and the index of its response's first."""
    prompt = tokenizer(pair["prompt"]).input_ids
    sides = []
    for side in ("chosen", "rejected"):
        whole = tokenizer(pair["prompt"] + pair[side]).input_ids
        shared = next((i for i, (a, b) in enumerate(zip(whole, prompt)) if a != b), min(len(whole), len(prompt)))
        first = max(0, shared - TOKENS)
        start = max(1, shared - first)
        sides.append((whole[first:][:start + TOKENS], start))
    return sides


def log_probabilities(model, sequences):
    longest = max(len(ids) for ids, _ in sequences)
    tokens = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in sequences])
    attention = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in sequences])
    scored = torch.tensor([[start <= i < len(ids) for i in range(1, longest)] for ids, start in sequences])
    logits = model(input_ids=tokens, attention_mask=attention).logits[:, :-1]
    each = logits.log_softmax(-1).gather(2, tokens[:, 1:, None])[:, :, 0]
    return (each * scored).sum(1)


def margins(model, batch):
    found = log_probabilities(model, [chosen for chosen, _ in batch] + [rejected for _, rejected in batch])
    return found[:len(batch)] - found[len(batch):]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hold-out", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    pairs = [encode(tokenizer, json.loads(line)) for line in open(arguments.pairs)]
    pairs = pairs[:len(pairs) - arguments.hold_out]
    chosen = order(len(pairs), arguments.seed)[:arguments.steps * arguments.batch]
    batches = [[pairs[index] for index in chosen[first:first + arguments.batch]]
               for first in range(0, len(chosen), arguments.batch)]
    start = time.perf_counter()
    with torch.no_grad():
        reference = [margins(model, batch) for batch in batches]
    reference_seconds = time.perf_counter() - start
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-6)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 151))
    losses, seconds = [], []
    for batch, expected in zip(batches, reference):
        start = time.perf_counter()
        loss = -torch.nn.functional.logsigmoid(BETA * (margins(model, batch) - expected)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    print(json.dumps({"losses": losses, "reference_seconds": reference_seconds,
                      "step_seconds": seconds, "seconds": reference_seconds + sum(seconds)}))


if __name__ == "__main__":
    main()
