"""Prints preference pairs in the form of Lee et al.'s: one prompt, two continuations of equal length.

    prompt_pairs.py TEXT PAIRS PROMPT_WORDS CONTINUATION_WORDS FIRST SECOND

TEXT is a text with words between blanks (WikiText-2, which Lee et al. take their prompts from). Prompts are runs of its
words, no two of them the same, and continuations are other runs. FIRST and SECOND are put before the prompt of the chosen
and of the rejected side: the same word leaves the prompt to be shared, two words that differ leave nothing to share.
"""

import json
import sys


def main():
    text, pairs, prompt, continuation, first, second = sys.argv[1:]
    pairs, prompt, continuation = int(pairs), int(prompt), int(continuation)
    words = [word for word in open(text, encoding="utf-8").read().split() if word.isalpha()]
    size = prompt + 2 * continuation
    if len(words) < pairs * size:
        sys.exit(f"{text} has {len(words)} words, {pairs * size} are needed")
    for start in range(0, pairs * size, size):
        run = words[start : start + size]
        opening, chosen, rejected = run[:prompt], run[prompt : prompt + continuation], run[prompt + continuation :]
        print(
            json.dumps(
                {
                    "chosen": " ".join([first, *opening, *chosen]),
                    "rejected": " ".join([second, *opening, *rejected]),
                }
            )
        )


main()
