"""Trials of the step of recipe `natural` that are not in the program, in PyTorch: writes an edited checkpoint for each of them.

    .venv/bin/python Benchmarks/step_variants.py MODEL --pairs pairs.jsonl --out FOLDER [--rank 4] [VARIANT …]
    profs eval MODEL FOLDER/* --prompts prompts.txt --text text.txt

MODEL is a folder of a Llama-like model in one safetensors file. The variants:

    value            the step of the program: each block's MLP-value matrix by itself
    attention        the attention output's matrices in their place
    both             all of them
    shared-writes    one basis, over all blocks, of the directions that are written, in each block's whitened coordinates
    shared-reads     the same of those that are read
    plain-basis      one basis of what is written in plain coordinates of the residual stream, as GloSS has it
    strengths        the step of the program, the strength of each block chosen for all of them together (below)
    reads-strengths  shared-reads with such strengths
    rejected         the step away from the rejected sides alone

`strengths` solves H a = g: g is what each block's step gains, H how the steps of two blocks move neutral text together, the mean of
the covariance of their changes of the logits under the model's own probabilities, a tenth of the diagonal added to it, a ≥ 0.
Every step is then scaled until the model diverges from the base by 0.002 nats a token on neutral passages that it was not made of.
"""

import argparse
import json
import math
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

DIVERGENCE = 0.002
RIDGE = 0.1
NEUTRAL_TOKENS_PER_DIMENSION = 12
CALIBRATION_TOKENS = 2048
NAMES = {"value": "mlp.down_proj", "attention": "self_attn.o_proj"}
VARIANTS = [
    "value", "attention", "both", "shared-writes", "shared-reads", "plain-basis", "strengths", "reads-strengths", "rejected",
]


class Trials:
    def __init__(self, path, rank, threads):
        torch.set_num_threads(threads)
        self.path, self.rank = path, rank
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval().requires_grad_(False)
        layers = self.model.model.layers
        self.matrices = {
            (kind, block): layers[block].get_submodule(name)
            for kind, name in NAMES.items()
            for block in range(len(layers) // 2, len(layers))
        }
        self.base = {key: matrix.weight.data.clone() for key, matrix in self.matrices.items()}

    # Gradients

    def ids(self, text):
        return torch.tensor([self.tokenizer(text, add_special_tokens=False)["input_ids"]])

    def score(self, ids, start):
        """ln p of the tokens from `start` on."""
        logits = self.model(ids).logits[0, :-1].log_softmax(-1)
        return logits.gather(1, ids[0, 1:, None])[max(0, start - 1) :].sum()

    def collect(self, pairs, passages):
        """G, its rejected part, F and Σ of every matrix; keeps the passages that are left for measuring."""
        seen = {}

        def watch(key):
            def hook(module, inputs, output):
                if not output.requires_grad:
                    output.requires_grad_(True)
                output.retain_grad()
                seen[key] = output

            return hook

        hooks = [matrix.register_forward_hook(watch(key)) for key, matrix in self.matrices.items()]

        def moments(ids, start):
            seen.clear()
            self.score(ids, start).backward()
            # The first tokens of texts are left out, as in the program.
            return {key: (y.grad[0, 1:].double(), y.detach()[0, 1:].double()) for key, y in seen.items()}

        hidden = self.model.config.hidden_size
        zeros = lambda: {key: torch.zeros(hidden, hidden, dtype=torch.float64) for key in self.matrices}
        self.gradient, self.rejected, self.F, self.sigma = zeros(), zeros(), zeros(), zeros()
        for pair in pairs:
            chosen, rejected = (self.ids(pair.get("prompt", "") + pair[side]) for side in ("chosen", "rejected"))
            common = 0
            while common < min(chosen.shape[1], rejected.shape[1]) and chosen[0, common] == rejected[0, common]:
                common += 1
            for ids, weight in ((chosen, 1 / len(pairs)), (rejected, -1 / len(pairs))):
                for key, (g, y) in moments(ids, common).items():
                    part = weight * (g.T @ y)
                    self.gradient[key] += part
                    if weight < 0:
                        self.rejected[key] += part
        texts = [self.ids(text) for text in passages]
        total = sum(ids.shape[1] for ids in texts)
        wanted = min(total, NEUTRAL_TOKENS_PER_DIMENSION * hidden)
        passed, used, tokens, rest = 0, 0, 0, []
        for ids in texts:
            if used * total <= passed * wanted:
                used += ids.shape[1]
                tokens += ids.shape[1] - 1
                for key, (g, y) in moments(ids, 1).items():
                    self.F[key] += g.T @ g
                    self.sigma[key] += y.T @ y
            else:
                rest.append(ids)
            passed += ids.shape[1]
        for key in self.matrices:
            self.F[key] /= tokens
            self.sigma[key] /= tokens
        for hook in hooks:
            hook.remove()
        self.calibration, held = [], 0
        every = max(1, sum(ids.shape[1] for ids in rest) // CALIBRATION_TOKENS)
        for ids in rest[::every]:
            if held < CALIBRATION_TOKENS and ids.shape[1] > 1:
                self.calibration.append(ids)
                held += ids.shape[1]
        self.A = {key: whitening(self.F[key]) for key in self.matrices}
        self.B = {key: whitening(self.sigma[key]) for key in self.matrices}
        self.base_scores = self.log_probabilities(self.calibration)

    # Models

    def apply(self, steps, size):
        for key, matrix in self.matrices.items():
            base = self.base[key]
            matrix.weight.data = base + (size * (steps[key] @ base.double())).float() if key in steps else base

    @torch.no_grad()
    def log_probabilities(self, texts):
        return [self.model(ids).logits[0, :-1].log_softmax(-1) for ids in texts]

    def divergence(self):
        edited = self.log_probabilities(self.calibration)
        total = sum((b.exp() * (b - e)).sum().item() for b, e in zip(self.base_scores, edited))
        return total / sum(len(b) for b in self.base_scores)

    def sized(self, steps):
        """The size at which the model diverges by DIVERGENCE."""
        estimate = sum(0.5 * torch.trace(m.T @ self.F[key] @ m @ self.sigma[key]).item() for key, m in steps.items())
        size = math.sqrt(DIVERGENCE / 10 / estimate)
        for _ in range(4):
            self.apply(steps, size)
            found = self.divergence()
            if abs(found / DIVERGENCE - 1) < 0.02:
                break
            size *= math.sqrt(DIVERGENCE / found)
        return size

    def gain(self, key, step):
        return (self.gradient[key] * step).sum().item()

    # Steps

    def whitened(self, kinds, gradient=None):
        gradient = gradient or self.gradient
        return {key: self.A[key] @ gradient[key] @ self.B[key] for key in self.matrices if key[0] in kinds}

    def plain(self, whitened):
        return {key: self.A[key] @ step @ self.B[key] for key, step in whitened.items()}

    def cut(self, whitened):
        def truncated(step):
            u, s, v = torch.linalg.svd(step)
            return (u[:, : self.rank] * s[: self.rank]) @ v[: self.rank]

        return self.plain({key: truncated(step) for key, step in whitened.items()})

    def shared(self, whitened, reads):
        whole = torch.cat(list(whitened.values()), 0 if reads else 1)
        u, _, v = torch.linalg.svd(whole, full_matrices=False)
        q, p = v[: self.rank], u[:, : self.rank]
        return self.plain({key: step @ q.T @ q if reads else p @ (p.T @ step) for key, step in whitened.items()})

    def plain_basis(self, whitened):
        steps = self.plain(whitened)
        u, _, _ = torch.linalg.svd(torch.cat([m / m.norm() for m in steps.values()], 1), full_matrices=False)
        p = u[:, : self.rank]
        return {key: p @ (p.T @ m) for key, m in steps.items()}

    @torch.no_grad()
    def with_strengths(self, steps):
        size, keys = self.sized(steps), list(steps)
        texts = self.calibration[: len(self.calibration) // 2]
        logits = lambda: torch.cat([self.model(ids).logits[0, :-1] for ids in texts])
        self.apply({}, 0)
        base = logits()
        p = base.softmax(-1)
        changes = []
        for key in keys:
            self.apply({key: steps[key]}, size)
            change = logits() - base
            changes.append(((change - (p * change).sum(-1, keepdim=True)) * p.sqrt()).half())
        h = torch.tensor([[(a.float() * b.float()).sum().item() / len(base) for b in changes] for a in changes])
        h = (h + RIDGE * torch.diag(h.diag())).double()
        g = torch.tensor([size * self.gain(key, steps[key]) for key in keys], dtype=torch.float64)
        strengths, rate = g.clamp(min=0), 1 / torch.linalg.eigvalsh(h)[-1]
        for _ in range(20_000):
            strengths = (strengths - rate * (h @ strengths - g)).clamp(min=0)
        strengths /= strengths.mean()
        print("  strengths " + " ".join(f"{key[1] + 1}:{s:.2f}" for key, s in zip(keys, strengths.tolist())))
        return {key: s * steps[key] for key, s in zip(keys, strengths.tolist())}

    def steps(self, variant):
        value = lambda: self.whitened(["value"])
        return {
            "value": lambda: self.cut(value()),
            "attention": lambda: self.cut(self.whitened(["attention"])),
            "both": lambda: self.cut(self.whitened(["value", "attention"])),
            "shared-writes": lambda: self.shared(value(), reads=False),
            "shared-reads": lambda: self.shared(value(), reads=True),
            "plain-basis": lambda: self.plain_basis(value()),
            "strengths": lambda: self.with_strengths(self.cut(value())),
            "reads-strengths": lambda: self.with_strengths(self.shared(value(), reads=True)),
            "rejected": lambda: self.cut(self.whitened(["value"], self.rejected)),
        }[variant]()

    def write(self, folder, steps, size):
        shutil.copytree(self.path, folder)
        (name,) = [name for name in os.listdir(self.path) if name.endswith(".safetensors")]
        tensors = load_file(f"{self.path}/{name}")
        for (kind, block), step in steps.items():
            weight = tensors[f"model.layers.{block}.{NAMES[kind]}.weight"]
            tensors[f"model.layers.{block}.{NAMES[kind]}.weight"] = (
                weight.double() + size * (step @ weight.double())
            ).to(weight.dtype)
        save_file(tensors, f"{folder}/{name}", metadata={"format": "pt"})


def whitening(moment):
    values, vectors = torch.linalg.eigh(moment)
    values = values.clamp(min=0)
    return (vectors * (values + RIDGE * values.mean()).rsqrt()) @ vectors.T


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", default=VARIANTS)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--neutral", default="Data/neutral-fit.txt")
    parser.add_argument("--out", required=True)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--scales", default="1", help="shares of the size that are written, such as 1,0.5")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if unknown := set(args.variants) - set(VARIANTS):
        parser.error(f"unknown variants: {', '.join(unknown)}")
    trials = Trials(args.model, args.rank, args.threads)
    pairs = [json.loads(line) for line in open(args.pairs, encoding="utf-8")]
    passages = [text for text in open(args.neutral, encoding="utf-8").read().split("\n\n") if text.strip()]
    trials.collect(pairs, passages)
    os.makedirs(args.out, exist_ok=True)
    for variant in args.variants:
        steps = trials.steps(variant)
        size = trials.sized(steps)
        gain = sum(size * trials.gain(key, step) for key, step in steps.items())
        print(f"{variant}: gain {gain:.2f} nats a pair at {DIVERGENCE} nats a token", flush=True)
        for scale in args.scales.split(","):
            trials.write(os.path.join(args.out, f"{variant}-{scale}"), steps, float(scale) * size)


if __name__ == "__main__":
    main()
