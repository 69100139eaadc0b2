"""Writes a Llama checkpoint of random bf16 weights in shards, and a subspace for the upper half of its blocks.

What `Scripts/bench/rewriting.sh` rewrites: of no use as a model. Needs NumPy alone.
Usage: python Benchmarks/rewrite_checkpoint.py FOLDER GIGABYTES SUBSPACE
"""

import hashlib
import json
import pathlib
import struct
import sys

import numpy as np

HIDDEN, INTERMEDIATE, HEADS, VOCABULARY, RANK = 2048, 8192, 16, 32000, 10
SHARD = 1 << 30


def tensors(blocks):
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    for block in range(blocks):
        prefix = f"model.layers.{block}."
        for name in "qkvo":
            yield prefix + f"self_attn.{name}_proj.weight", (HIDDEN, HIDDEN)
        for name in ["gate", "up"]:
            yield prefix + f"mlp.{name}_proj.weight", (INTERMEDIATE, HIDDEN)
        yield prefix + "mlp.down_proj.weight", (HIDDEN, INTERMEDIATE)
        for name in ["input_layernorm", "post_attention_layernorm"]:
            yield prefix + name + ".weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)
    yield "lm_head.weight", (VOCABULARY, HIDDEN)


def write(path, entries, metadata, data):
    """A safetensors file; `data` gives the bytes of each entry."""
    header, end = {"__metadata__": metadata}, 0
    for name, dtype, shape, size in entries:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for entry in entries:
            file.write(data(entry))


def main():
    folder, gigabytes, subspace = pathlib.Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    folder.mkdir()
    rng = np.random.default_rng(1)
    block = 2 * (4 * HIDDEN**2 + 3 * HIDDEN * INTERMEDIATE)
    blocks = max(2, round((gigabytes * 1e9 - 4 * VOCABULARY * HIDDEN) / block))
    pool = (rng.standard_normal(1 << 24, np.float32) * 0.02).view(np.uint32) >> 16
    pool = pool.astype(np.uint16)

    def data(entry):
        count = entry[3] // 2
        # Other numbers for each tensor: the same ones from another place on.
        return np.resize(np.roll(pool, rng.integers(1 << 24)), count).tobytes()

    shards, size = [[]], 0
    for name, shape in tensors(blocks):
        entry = (name, "BF16", shape, 2 * int(np.prod(shape)))
        if size + entry[3] > SHARD:
            shards.append([])
            size = 0
        shards[-1].append(entry)
        size += entry[3]
    weight_map = {}
    for number, entries in enumerate(shards):
        name = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        write(folder / name, entries, {"format": "pt"}, data)
        weight_map |= {entry[0]: name for entry in entries}
    index = {"metadata": {"total_size": sum(e[3] for s in shards for e in s)}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
        "num_hidden_layers": blocks, "vocab_size": VOCABULARY, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}, indent=2))

    identity = f"Llama {blocks} {HIDDEN} {INTERMEDIATE} {HEADS} {HEADS} {HIDDEN // HEADS} {VOCABULARY}"
    edited = range(blocks // 2 + 1, blocks + 1)
    arrays = {}
    for number in edited:
        basis = np.linalg.qr(rng.standard_normal((HIDDEN, RANK)))[0].T
        arrays[f"block.{number}.singular_values"] = np.arange(RANK, 0, -1.0)
        arrays[f"block.{number}.directions"] = basis.astype(np.float32)
    kinds = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}
    write(subspace, [(n, kinds[a.dtype], a.shape, a.nbytes) for n, a in arrays.items()], {
        "format": "profs-subspace", "version": "1", "operation": "project", "role": "mlpValue",
        "hook": "residual-stream-after-block", "sign": "rejected-minus-chosen", "block_numbering": "from-1",
        "method": "paper", "rank": str(RANK), "blocks": f"{edited[0]}-{edited[-1]}", "max_tokens": "128",
        "pairs": "1", "pairs_sha256": "0" * 64, "compute": "f32",
        "model_sha256": hashlib.sha256(identity.encode()).hexdigest()}, lambda entry: arrays[entry[0]].tobytes())
    print(f"{blocks} blocks in {len(shards)} shards, {index['metadata']['total_size'] / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
