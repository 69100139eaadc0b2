"""Merges a LoRA adapter into its base with peft and saves the result in the base's type: what `profs apply` is timed against.

    .venv/bin/python Benchmarks/peft_merge.py MODEL ADAPTER OUT
"""

import sys

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    base, adapter, out = sys.argv[1:]
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)


if __name__ == "__main__":
    main()
