"""Writes a checkpoint of Mistral-7B's shape with random weights, for measuring what a model of that size takes.

    Benchmarks/mistral_shape.py TOKENIZER_FOLDER OUT [--blocks 32] [--seed 0]

TOKENIZER_FOLDER holds a tokenizer.json, whose vocabulary the model gets (Mistral's own has 32,768 tokens). 14.8 GB in bf16 with
SmolLM2's tokenizer, in shards of at most 5 GB. Weights are ± uniform in [2⁻⁶, 2⁻⁵), norms 1, so activations stay finite.
Needs Python alone, with NumPy.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

HIDDEN, INTERMEDIATE, HEADS, KEY_VALUE_HEADS = 4096, 14336, 32, 8
SHARD_BYTES = 5_000_000_000


def tensors(vocabulary, blocks):
    """Names and shapes, in the order of the file."""
    narrow = HIDDEN // HEADS * KEY_VALUE_HEADS
    yield "model.embed_tokens.weight", (vocabulary, HIDDEN)
    for block in range(blocks):
        prefix = f"model.layers.{block}."
        yield prefix + "input_layernorm.weight", (HIDDEN,)
        yield prefix + "post_attention_layernorm.weight", (HIDDEN,)
        yield prefix + "self_attn.q_proj.weight", (HIDDEN, HIDDEN)
        yield prefix + "self_attn.k_proj.weight", (narrow, HIDDEN)
        yield prefix + "self_attn.v_proj.weight", (narrow, HIDDEN)
        yield prefix + "self_attn.o_proj.weight", (HIDDEN, HIDDEN)
        yield prefix + "mlp.gate_proj.weight", (INTERMEDIATE, HIDDEN)
        yield prefix + "mlp.up_proj.weight", (INTERMEDIATE, HIDDEN)
        yield prefix + "mlp.down_proj.weight", (HIDDEN, INTERMEDIATE)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (vocabulary, HIDDEN)


def values(shape, random):
    """bf16 bits: sign and the seven bits of the fraction at random, one exponent for all."""
    if len(shape) == 1:
        return np.full(shape, 0x3F80, np.uint16)
    bits = np.frombuffer(random.bytes(2 * shape[0] * shape[1]), np.uint16)
    return bits & np.uint16(0x807F) | np.uint16(0x3C80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--blocks", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    vocabulary = json.loads((args.tokenizer / "config.json").read_text())["vocab_size"]
    args.out.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (args.tokenizer / name).exists():
            shutil.copyfile(args.tokenizer / name, args.out / name)
    (args.out / "config.json").write_text(json.dumps({
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": HIDDEN, "hidden_act": "silu",
        "intermediate_size": INTERMEDIATE, "num_attention_heads": HEADS, "num_key_value_heads": KEY_VALUE_HEADS,
        "num_hidden_layers": args.blocks, "max_position_embeddings": 32768, "rms_norm_eps": 1e-5, "rope_theta": 1e6,
        "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": vocabulary,
        "bos_token_id": 1, "eos_token_id": 2}, indent=2) + "\n")
    shards, size = [[]], 0
    for name, shape in tensors(vocabulary, args.blocks):
        count = 2 * int(np.prod(shape))
        if size + count > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append((name, shape, size, size + count))
        size += count
    random, index = np.random.default_rng(args.seed), {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        header = json.dumps({"__metadata__": {"format": "pt"}} | {
            name: {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]} for name, shape, start, end in shard})
        header += " " * (-len(header) % 8)
        with open(args.out / file, "wb") as output:
            output.write(len(header).to_bytes(8, "little") + header.encode())
            for name, shape, _, _ in shard:
                output.write(values(shape, random).tobytes())
                index[name] = file
    total = sum(shard[-1][3] for shard in shards)
    (args.out / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index}) + "\n")
    print(f"{args.out}: {total / 1e9:.1f} GB in {len(shards)} shards")


if __name__ == "__main__":
    main()
