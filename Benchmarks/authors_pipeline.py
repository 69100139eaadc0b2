"""The published edit the usual way, with transformers and PyTorch: what `profs edit` is timed against.

    .venv/bin/python Benchmarks/authors_pipeline.py MODEL PAIRS.jsonl OUT [--layers 13-30] [--rank 10] [--threads 2]

f32, batches of 50 padded texts, all hidden states, masked means, torch's SVD, projection of `down_proj`, save_pretrained.
Prints the seconds of every stage as one line of JSON.
"""

import time

START = time.perf_counter()

import argparse
import json

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

BATCH = 50
MAX_TOKENS = 128


@torch.inference_mode()
def embed(model, tokenizer, texts):
    """Means over the tokens of every text, after every block: [blocks, texts, hidden]."""
    batches = []
    for first in range(0, len(texts), BATCH):
        inputs = tokenizer(texts[first:first + BATCH], return_tensors="pt", padding=True, truncation=True,
                           max_length=MAX_TOKENS)
        # The model without its head: logits are not needed. hidden_states[0] is the embedding table's output.
        hidden = model.model(**inputs, output_hidden_states=True, use_cache=False).hidden_states[1:]
        mask = inputs["attention_mask"][:, :, None].float()
        batches.append(torch.stack([(block * mask).sum(1) / mask.sum(1) for block in hidden]))
    return torch.cat(batches, 1)


def basis(rejected, chosen, rank):
    """First `rank` right singular vectors of the differences, without their part along the mean of the chosen."""
    mean = chosen.mean(0)
    differences = rejected - chosen
    centred = differences - torch.outer(differences @ mean, mean) / mean.dot(mean)
    return torch.linalg.svd(centred, full_matrices=False).Vh[:rank]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("out")
    parser.add_argument("--layers", default="13-30", help="blocks, from 1, inclusive")
    parser.add_argument("--rank", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    first, last = map(int, arguments.layers.split("-"))
    torch.set_num_threads(arguments.threads)

    seconds, mark = {}, START

    def done(stage):
        nonlocal mark
        now = time.perf_counter()
        seconds[stage], mark = round(now - mark, 3), now

    done("imports")
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    done("load")

    with open(arguments.pairs) as file:
        pairs = [json.loads(line) for line in file]
    sides = {side: [pair.get("prompt", "") + pair[side] for pair in pairs] for side in ("chosen", "rejected")}
    chosen, rejected = (embed(model, tokenizer, sides[side]) for side in ("chosen", "rejected"))
    done("embed")

    with torch.no_grad():
        for block in range(first - 1, last):
            vectors = basis(rejected[block], chosen[block], arguments.rank)
            weight = model.model.layers[block].mlp.down_proj.weight
            weight -= vectors.T @ (vectors @ weight)
    done("subspaces and edit")

    model.to(torch.bfloat16).save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    done("save")
    print(json.dumps({"pairs": len(pairs), "seconds": seconds, "total": round(time.perf_counter() - START, 3)}))


if __name__ == "__main__":
    main()
