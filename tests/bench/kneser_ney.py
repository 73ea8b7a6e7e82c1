"""python -m tests.bench.kneser_ney: bits a character of an interpolated modified Kneser-Ney n-gram.

The peer of `verse`: trained on the same rows, with the same vocabulary and the same tokens (line ends
and the end counted in the bits), measured on the same poems. Chen & Goodman 1999, three discounts an
order; n-grams are packed into 64-bit keys, so 4 M tokens take seconds.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine import corpus, train
from engine.corpus import CorpusConfig
from engine.vocabulary import Vocabulary

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Order:
    """The n-grams of one length: sorted keys, discounted counts, and each history's leftover weight."""

    def __init__(self, grams: Ints, counts: Ints, bits: int) -> None:
        self.keys, self.counts = grams, counts.astype(np.float64)
        ones, twos, threes, fours = (float((counts == n).sum()) or 1.0 for n in (1, 2, 3, 4))
        y = ones / (ones + 2 * twos)
        self.discounts = np.clip(
            [0.0, 1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes],
            0.0,
            [0.0, 0.95, 1.9, 2.9],
        )
        self.histories, start = np.unique(grams >> bits, return_index=True)
        self.totals = np.add.reduceat(self.counts, start)
        given_up = self.discounts[np.minimum(counts, 3)]
        self.leftover = np.add.reduceat(given_up, start) / self.totals

    def parts(self, keys: Ints, histories: Ints) -> tuple[Floats, Floats]:
        """For each key: its discounted probability, and the weight its history leaves to the next order."""
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        count = np.where(self.keys[place] == keys, self.counts[place], 0.0)
        there = np.minimum(np.searchsorted(self.histories, histories), len(self.histories) - 1)
        seen = self.histories[there] == histories
        discount = self.discounts[np.minimum(count, 3).astype(int)]
        probability = np.where(seen, (count - discount) / self.totals[there], 0.0)
        return probability, np.where(seen, self.leftover[there], 1.0)


class KneserNey:
    def __init__(self, sequences: list[list[int]], vocabulary: int, order: int) -> None:
        self.order, self.vocabulary = order, vocabulary
        self.bits = max(1, (vocabulary + 1).bit_length())
        if self.bits * order > 63:
            raise SystemExit(f"an order of {order} does not fit 64 bits with {vocabulary} tokens")
        keys, counts = np.unique(self._keys(sequences), return_counts=True)
        self.orders: list[_Order] = []
        for size in range(order, 0, -1):
            self.orders.append(_Order(keys, counts, self.bits))
            if size > 1:  # a shorter n-gram counts in how many longer ones it ends
                keys, counts = np.unique(keys & ((1 << self.bits * (size - 1)) - 1), return_counts=True)

    def _keys(self, sequences: list[list[int]]) -> Ints:
        begin = self.vocabulary  # an id of its own, never predicted
        padded = [np.array([begin] * (self.order - 1) + s, dtype=np.int64) for s in sequences]
        windows = [np.lib.stride_tricks.sliding_window_view(p, self.order) for p in padded]
        grams = np.concatenate(windows)
        keys = np.zeros(len(grams), dtype=np.int64)
        for column in range(self.order):
            keys = (keys << self.bits) | grams[:, column]
        return keys

    def log_probability(self, sequences: list[list[int]]) -> float:
        """Sum over all tokens, in nats."""
        keys = self._keys(sequences)
        total, weight = np.zeros(len(keys)), np.ones(len(keys))
        for index, level in enumerate(self.orders):
            size = self.order - index
            part = keys & ((1 << self.bits * size) - 1)
            probability, leftover = level.parts(part, part >> self.bits)
            total, weight = total + weight * probability, weight * leftover
        return float(np.log(total + weight / self.vocabulary).sum())


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
