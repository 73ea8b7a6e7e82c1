"""Learns meaning: python -m engine.meaning_training --written DIR --data FILE... [--out FILE] [--seed N]

Knows: prose in which words stand near each other, our own intents with their many askings.
Does not know: the book, how a text becomes a vector later (`engine.meaning` says).

First the words: positive pointwise mutual information of neighbours, factorised (Levy & Goldberg 2014,
"Neural Word Embedding as Implicit Matrix Factorization"), weighted by smooth inverse frequency, without
their common direction (Arora et al. 2017). Then the n-grams, with a projection of the words: an asking
is drawn to the centre of its intent and away from those of all others, a softmax over cosines (Zhai & Wu
2019, "Classification is a Strong Baseline for Deep Metric Learning"); half of an asking's n-grams are left
out each time. Intents that are held out are never seen.

Measured on one held-out asking of each known intent (same split, right intent first of 659) when there were
twelve askings an intent: letters alone 0.33, averaged words alone 0.38, both 0.47, drawn to the other askings
of its intent (prototypical networks, Snell et al. 2017) 0.57. With sixteen more by another hand: that 0.68, a
linear classifier of n-grams and words 0.74, the centres 0.75; with twice as many buckets 0.78, with
half of the n-grams left out in place of a third 0.79.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine import book_making, corpus, held_out
from engine.danger_texts import is_dangerous
from engine.likeness import plain
from engine.meaning import BUCKETS, FILE, Meaning, Numbers, Vectors, buckets_of, words_of
from engine.written_later import more_askings, more_intents

log = logging.getLogger(__name__)

SIZE = 128
_WORDS = 20_000
_LEAST = 5  # times a word must stand in the prose
_WINDOW = 5
_RARE = 1e-3  # of smooth inverse frequency
_RATE = 5e-3
_BATCH = 256
THINNED = 0.5  # of an asking's n-grams, each time
SHARP = 16.0  # by which cosines are multiplied before the softmax
_SENTENCE = re.compile(r"[。！？!?\n]")


@dataclass
class Askings:
    """Plain askings with the number of their intent; `names` by number."""

    texts: list[str]
    intents: Numbers
    names: list[str]


def askings(written: Path, *, held_out_ones: bool = False) -> Askings:
    """The askings of our intents that may be learnt from, or the one of each known intent that may not."""
    part = held_out.held_out_part if held_out_ones else held_out.training_part
    texts, numbers, names = [], [], []
    aside = book_making.kept_aside(written)
    more = {} if held_out_ones else more_askings(aside)
    for path in sorted(written.glob("intent-*.jsonl")):
        locale = path.stem.split("-")[1]
        for row in corpus.rows(path):
            if is_dangerous(row["intent"]) or held_out.intent_is_held_out(locale, row["intent"]):
                continue
            names.append(f"{locale} {row['intent']}")
            kept = part(path.stem, row)
            others = more.get((locale, row["intent"]), ())
            for ask in (*(kept["asks"] if kept else ()), *others):
                texts.append(plain(ask))
                numbers.append(len(names) - 1)
    for locale, row in () if held_out_ones else more_intents(aside):
        names.append(f"{locale} {row['intent']}")
        texts += map(plain, row["asks"])
        numbers += [len(names) - 1] * len(row["asks"])
    return Askings(texts, np.array(numbers), names)


def sentences(files: Sequence[Path]) -> Iterator[list[str]]:
    """The words of every sentence of the files' texts, of what may be learnt from."""
    for path in files:
        stem = path.name.split(".")[0]
        for row in corpus.rows(path):
            kept = held_out.training_part(stem, row)
            for passage in _passages(kept) if kept else ():
                for sentence in _SENTENCE.split(passage):
                    words = words_of(plain(sentence)) if len(sentence) > 2 else []
                    if len(words) > 1:
                        yield words


def _passages(row: dict[str, Any]) -> Iterator[str]:
    yield from row.get("turns", ())
    yield from row.get("replies", ())
    if row.get("asks"):
        yield " ".join(row["asks"])  # askings of one meaning are one another's context
    for name in ("text", "src", "tgt", "context", "summary"):
        if isinstance(row.get(name), str):
            yield row[name]


def word_vectors(found: Sequence[Sequence[str]], size: int = SIZE) -> tuple[list[str], Vectors]:
    """Words, commonest first, and their weighted vectors (W, size) of unit length times rarity."""
    counts: Counter[str] = Counter(word for words in found for word in words)
    words = [word for word, count in counts.most_common(_WORDS) if count >= _LEAST]
    places = {word: place for place, word in enumerate(words)}
    matrix = _mutual_information(
        [np.array([places[w] for w in sentence if w in places], np.int64) for sentence in found], len(words)
    )
    u, s, _ = torch.svd_lowrank(matrix, q=min(size + 32, len(words)), niter=3)
    vectors = functional.normalize(u[:, :size] * s[:size].sqrt(), dim=1).numpy()
    frequency = np.array([counts[word] for word in words]) / sum(counts.values())
    return words, (vectors * (_RARE / (_RARE + frequency))[:, None]).astype(np.float32)


def _mutual_information(sentences_as_places: Sequence[Numbers], count: int) -> Tensor:
    """Positive PMI (count, count), sparse; neighbours weigh 1/distance, contexts to the power 0.75."""
    codes: list[Numbers] = []
    weights: list[np.ndarray[Any, Any]] = []
    keys: np.ndarray[Any, Any] = np.zeros(0, np.int64)
    totals: np.ndarray[Any, Any] = np.zeros(0)
    waiting = 0

    def merge() -> None:
        nonlocal keys, totals, waiting
        joined, inverse = np.unique(np.concatenate([keys, *codes]), return_inverse=True)
        totals = np.bincount(inverse, np.concatenate([totals, *weights]), minlength=len(joined))
        keys, waiting = joined, 0
        codes.clear()
        weights.clear()

    for places in sentences_as_places:
        for distance in range(1, min(_WINDOW, len(places) - 1) + 1):
            one, other = places[:-distance], places[distance:]
            codes += [one * count + other, other * count + one]
            weights += [np.full(len(one), 1 / distance)] * 2
            waiting += 2 * len(one)
        if waiting > 8_000_000:
            merge()
    merge()
    row, column = keys // count, keys % count
    marginal = np.bincount(row, totals, minlength=count)
    context = marginal**0.75 / (marginal**0.75).sum()
    information = np.log(totals / (marginal[row] * context[column]))
    positive = information > 0
    indices = torch.from_numpy(np.stack([row[positive], column[positive]]))
    values = torch.from_numpy(information[positive].astype(np.float32))
    return torch.sparse_coo_tensor(indices, values, (count, count), check_invariants=False).coalesce()


class Encoder(nn.Module):
    """Texts as n-gram buckets and a sum of words' vectors (N, D) → unit vectors (N, D)."""

    def __init__(self, rarity: Tensor, seen: npt.NDArray[np.bool_], size: int) -> None:
        """`rarity` of each bucket, and which are `seen` in what is learnt from: (buckets,)."""
        super().__init__()
        self.seen = seen
        self.grams = nn.EmbeddingBag(len(rarity), size, mode="sum", sparse=True)
        nn.init.normal_(self.grams.weight, std=0.1)
        self.project = nn.Linear(size, size, bias=False)
        nn.init.orthogonal_(self.project.weight)
        self.rarity: Tensor
        self.register_buffer("rarity", rarity)

    def forward(self, buckets: Tensor, offsets: Tensor, words: Tensor) -> Tensor:
        by_grams = self.grams(buckets, offsets, per_sample_weights=self.rarity[buckets])
        by_words = functional.normalize(self.project(words), dim=1)
        return functional.normalize(functional.normalize(by_grams, dim=1) + by_words, dim=1)

    def table(self) -> Vectors:
        """(buckets, size): every n-gram's part of a sum, nothing for those never seen."""
        seen = torch.from_numpy(self.seen.astype(np.float32))
        return (self.grams.weight * (self.rarity * seen)[:, None]).detach().numpy()


class Texts:
    """Askings ready for the encoder; `batch` thins their n-grams by chance."""

    def __init__(self, texts: Sequence[str], meaning: Meaning) -> None:
        rows, self.buckets = buckets_of(texts)
        self.heads = np.searchsorted(rows, np.arange(len(texts) + 1))
        self.words = meaning.sums_of_words(texts)

    def batch(self, numbers: Numbers, draw: np.random.Generator, drop: float) -> tuple[Tensor, ...]:
        parts = []
        for number in numbers:
            part = self.buckets[self.heads[number] : self.heads[number + 1]]
            kept = part[draw.random(len(part)) >= drop]
            parts.append(kept if len(kept) else part[:1])
        offsets = np.cumsum([0, *(len(part) for part in parts[:-1])])
        return (
            torch.from_numpy(np.concatenate(parts)),
            torch.from_numpy(offsets),
            torch.from_numpy(self.words[numbers]),
        )


def learn(known: Askings, words: Sequence[str], vectors: Vectors, *, epochs: int, seed: int) -> Meaning:
    """The tables of `Meaning`. `vectors` (W, SIZE) are words' vectors, weighted."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    nothing = np.zeros((BUCKETS, vectors.shape[1]), np.float32)
    sums = Meaning(nothing, words, vectors).sums_of_words(known.texts)
    common = np.linalg.svd(sums, full_matrices=False)[2][:1]
    vectors = (vectors - vectors @ common.T @ common).astype(np.float32)
    texts = Texts(known.texts, Meaning(nothing, words, vectors))
    encoder = encoder_of(texts.buckets, len(known.texts), vectors.shape[1])
    centres = nn.Parameter(torch.randn(len(known.names), vectors.shape[1]))

    def loss(rows: Numbers) -> Tensor:
        near = encoder(*texts.batch(rows, draw, THINNED)) @ functional.normalize(centres, dim=1).T
        return functional.cross_entropy(SHARP * near, torch.from_numpy(known.intents[rows]))

    descend(encoder, [centres], len(known.texts), loss, epochs, draw)
    with torch.no_grad():
        return Meaning(encoder.table(), words, encoder.project(torch.from_numpy(vectors)).numpy())


def encoder_of(buckets: Numbers, texts: int, size: int, count: int = BUCKETS) -> Encoder:
    """A new encoder for texts whose n-grams lie in these buckets, of `count`."""
    holders = np.bincount(buckets, minlength=count)
    return Encoder(
        torch.from_numpy(np.log((1 + texts) / (1 + holders)).astype(np.float32)), holders > 0, size
    )


def descend(
    encoder: Encoder,
    beside: Sequence[nn.Parameter],
    count: int,
    loss_of: Callable[[Numbers], Tensor],
    epochs: int,
    draw: np.random.Generator,
) -> None:
    """Learns the encoder and what is `beside` it by Adam, its rate falling: `loss_of` the rows of a batch."""
    optimizers: tuple[torch.optim.Optimizer, ...] = (
        torch.optim.SparseAdam([encoder.grams.weight], lr=_RATE),
        torch.optim.Adam([*encoder.project.parameters(), *beside], lr=_RATE),
    )
    for epoch in range(epochs):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = _RATE * (1 - 0.9 * epoch / epochs)
        order = draw.permutation(count)
        total = 0.0
        for start in range(0, count, _BATCH):
            rows = order[start : start + _BATCH]
            loss = loss_of(rows)
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                optimizer.step()
            total += loss.item() * len(rows)
        log.info("epoch %d: %.3f", epoch + 1, total / count)


def measure(meaning: Meaning, known: Askings, asked: Askings) -> dict[str, float]:
    """How often the right intent is first, and among the first three, for askings that nobody learnt."""
    near = meaning.vectors(asked.texts) @ meaning.vectors(known.texts).T
    scores = np.stack(
        [np.exp(near[:, known.intents == n] / 0.1).sum(axis=1) for n in range(len(known.names))], axis=1
    )
    own = scores[np.arange(len(scores)), asked.intents]
    rank = (scores > own[:, None]).sum(axis=1)
    return {"askings": len(rank), "first": float((rank < 1).mean()), "first_three": float((rank < 3).mean())}


def parser_of(module: str, about: str | None, file: str, *, epochs: int) -> argparse.ArgumentParser:
    """What is asked for wherever one of `facts/`'s files is learnt from our own rows."""
    parser = argparse.ArgumentParser(prog=f"python -m engine.{module}", description=about)
    parser.add_argument("--written", type=Path, required=True, help="folder with the written rows")
    default = Path(__file__).parent / "facts" / file
    parser.add_argument("--out", type=Path, default=default, help=f"the file (default: engine/facts/{file})")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of("meaning_training", __doc__, FILE, epochs=24)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="prose to learn words from")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    words, vectors = word_vectors(list(sentences(options.data)))
    log.info("%d words", len(words))
    known = askings(options.written)
    learn(known, words, vectors, epochs=options.epochs, seed=options.seed).save(options.out)
    asked = askings(options.written, held_out_ones=True)
    print(
        json.dumps({**measure(Meaning.load(options.out), known, asked), "bytes": options.out.stat().st_size})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
