"""python -m tests.bench.kneser_ney: bits a character of an interpolated modified Kneser-Ney n-gram.

The peer of `verse`: trained on the same rows, with the same vocabulary and the same tokens (line ends
and the end counted in the bits), measured on the same poems. Chen & Goodman 1999, three discounts an
order; an n-gram is the number of its history and a token, so 4 M tokens take seconds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import corpus, train
from engine.corpus import CorpusConfig
from engine.vocabulary import Vocabulary

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _stream(
    sequences: Sequence[Sequence[int]], begins: int, begin: int
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """All tokens end to end, `begins` marks before each sequence, and which of them are to be predicted."""
    parts = [np.array([begin] * begins + list(sequence), dtype=np.int64) for sequence in sequences]
    tokens = np.concatenate(parts)
    return tokens, tokens != begin


class _Level:
    """The n-grams of one length. A key is the number of the history, one token shorter, and the token.

    Numbers instead of the tokens themselves, so that any order and any vocabulary fit 64 bits.
    """

    def __init__(self, keys: Ints, base: int) -> None:
        self.base = base
        self.keys, self.first, self.numbers = np.unique(keys, return_index=True, return_inverse=True)
        self.histories = self.keys // base

    def numbers_of(self, histories: Ints, tokens: Ints) -> Ints:
        """The number of each n-gram; len(keys), which no history has, for one that was never seen."""
        keys = histories * self.base + tokens
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, len(self.keys))

    def count(self, counts: Ints) -> None:
        """How often each n-gram stands there: its discount, what each history leaves to shorter ones."""
        ones, twos, threes, fours = (float((counts == n).sum()) or 1.0 for n in (1, 2, 3, 4))
        y = ones / (ones + 2 * twos)
        discounts = np.clip(
            [0.0, 1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes],
            0.0,
            [0.0, 0.95, 1.9, 2.9],
        )
        given_up = discounts[np.minimum(counts, 3)]
        size = int(self.histories.max()) + 2
        totals = np.bincount(self.histories, counts, size)
        left = np.bincount(self.histories, given_up, size)
        self.leftover = np.divide(left, totals, out=np.ones_like(left), where=totals > 0)
        share = totals[self.histories]
        kept = np.divide(counts - given_up, share, out=np.zeros(len(counts)), where=share > 0)
        self.kept = np.append(kept, 0.0)  # the last is of what was never seen

    def left(self, histories: Ints) -> Floats:
        """The weight that each history leaves to shorter ones; all of it where it was never seen."""
        return self.leftover[np.minimum(histories, len(self.leftover) - 1)]


class KneserNey:
    """An interpolated model of `order` over token ids below `vocabulary`."""

    def __init__(self, sequences: Sequence[Sequence[int]], vocabulary: int, order: int) -> None:
        self.order, self.vocabulary = order, vocabulary
        tokens, real = _stream(sequences, order - 1, vocabulary)
        self.levels: list[_Level] = []
        history = np.zeros(len(tokens), dtype=np.int64)
        for _ in range(order):
            level = _Level(history * (vocabulary + 1) + tokens, vocabulary + 1)
            self.levels.append(level)
            history = np.concatenate([[0], level.numbers[:-1]])
        counts = np.bincount(level.numbers[real], minlength=len(level.keys))
        level.count(counts)
        for longer, shorter in zip(self.levels[:0:-1], self.levels[-2::-1], strict=True):
            # a shorter n-gram counts in how many longer ones it ends
            ends = shorter.numbers[longer.first[counts > 0]]
            counts = np.bincount(ends, minlength=len(shorter.keys))
            shorter.count(counts)

    def log_probability(self, sequences: Sequence[Sequence[int]]) -> float:
        """Sum over all tokens, in nats."""
        tokens, real = _stream(sequences, self.order - 1, self.vocabulary)
        history = np.zeros(len(tokens), dtype=np.int64)
        total = np.full(len(tokens), 1 / self.vocabulary)
        for level in self.levels:
            numbers = level.numbers_of(history, tokens)
            total = level.kept[numbers] + level.left(history) * total
            history = np.concatenate([[0], numbers[:-1]])
        return float(np.log(total[real]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model", type=Path, required=True, help="a checkpoint: vocabulary and corpus settings"
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--exclude", type=Path, nargs="*", default=[])
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--order", type=int, default=4)
    parser.add_argument(
        "--examples", type=int, default=0, help="so many, evenly taken as evaluate does; 0: all"
    )
    options = parser.parse_args()
    values = json.loads((options.model / "config.json").read_text("utf-8"))["corpus"]
    config = CorpusConfig(**{**values, "tags": tuple(values["tags"])})
    vocabulary = Vocabulary.load(options.model)
    data = train.load_data(options.data, config, exclude=options.exclude, vocabulary=vocabulary)
    model = KneserNey([e.target.tolist() for e in data.train], len(vocabulary), options.order)
    read: list[tuple[list[int], int]] = []
    for row in corpus.rows(options.valid):
        for example in corpus.of_row(row, options.valid.name.split(".")[0], config):
            encoded = corpus.encode(example, vocabulary, config, set())
            if encoded is not None:
                read.append((encoded.target.tolist(), len(example.target.replace("\n", ""))))
    if options.examples:
        read = read[:: max(1, len(read) // options.examples)][: options.examples]
    held, characters = [target for target, _ in read], sum(count for _, count in read)
    nll = -model.log_probability(held)
    tokens = sum(map(len, held))
    report = {
        "name": f"kneser-ney-{options.order}",
        "trained_on": len(data.train),
        "examples": len(held),
        "tokens": tokens,
        "ppl": math.exp(nll / tokens),
        "bits_per_char": nll / math.log(2) / characters,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
