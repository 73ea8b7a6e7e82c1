"""python -m tests.bench.parallel POEMS [--poems N]: how well measures tell parallel couplets from others.

In lüshi the second and third couplets are parallel by rule, the first and last mostly are not. For each
measure prints the chance that a middle couplet scores above an outer one (AUC: 0.5 is blind, 1 perfect).
`cosine`: what a draft's score uses, engine.facing. `gain`: the model's log p of the second line given
the first as its condition, less that given nothing, a character.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import torch

from engine import checkpoint
from engine.decode import Decoder
from engine.facing import Facing
from engine.text import han_only
from engine.weights import folder_of

GAINS = 400  # couplets of either kind for the slow measure


def couplets(path: Path, count: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(middle couplets, outer couplets) of the first `count` lüshi of seven characters."""
    middle: list[tuple[str, str]] = []
    outer: list[tuple[str, str]] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        poems = (json.loads(row) for row in file)
        chosen = (row for row in poems if row["form"] == "7lv" and len(row["lines"]) == 8)
        for row in itertools.islice(chosen, count):
            lines = [han_only(line) for line in row["lines"]]
            if all(len(line) == 7 for line in lines):
                pairs = list(zip(lines[::2], lines[1::2], strict=True))
                middle += pairs[1:3]
                outer += [pairs[0], pairs[3]]
    return middle, outer


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    order = np.argsort(np.concatenate([positive, negative]))
    ranks = np.empty(len(order))
    ranks[order] = np.arange(1, len(order) + 1)
    n = len(positive)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def gain(decoder: Decoder, pairs: list[tuple[str, str]]) -> np.ndarray:
    tags, vocabulary = ("duilian",), decoder.vocabulary
    z = torch.zeros(1, decoder.latent_size)
    found = []
    for first, second in pairs:
        tokens = [vocabulary.encode(second)]
        here = decoder.log_probabilities(decoder.condition(tags, [first]), z, tokens)
        alone = decoder.log_probabilities(decoder.condition(tags, []), z, tokens)
        found.append(float(here - alone) / len(second))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--poems", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    decoder = Decoder(checkpoint.load(folder_of("verse", options.models)))
    facing = Facing(decoder.model.embed.weight, decoder.vocabulary.character_list())
    middle, outer = couplets(options.file, options.poems)
    measured = {
        "cosine": auc(*(np.array([facing.cosine(*pair) for pair in pairs]) for pairs in (middle, outer))),
        "gain": auc(*(gain(decoder, pairs[:GAINS]) for pairs in (middle, outer))),
    }
    print(json.dumps({"couplets": len(middle) + len(outer), **measured}))


if __name__ == "__main__":
    main()
