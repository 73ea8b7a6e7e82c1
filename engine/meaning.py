"""Meaning: texts as vectors whose cosine says whether two askings want the same reply.

Knows: `facts/meaning.npz` (learnt by `engine.meaning_training`): a vector for hashed character n-grams
and one for common words.
Does not know: the book, replies, models that write.

A text's vector is the normalised sum of its n-grams' vectors plus that of its words' vectors. The words'
vectors come from which words stand near each other in prose, so that two askings that share no
character may still be near; the n-grams' were then learnt so that askings of one intent are near.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from engine.likeness import grams

BUCKETS = 1 << 16
FILE = "meaning.npz"
_AT_ONCE = 1 << 13  # texts whose n-grams are held in memory together: 30 MB
_MANY = 2048  # texts from which torch sums them: a book of 67,000 askings in a fifth of the time
_WORD = re.compile(r"[a-z]+|[㐀-鿿]+|[0-9]+")

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def buckets_of(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """The hashed n-grams of plain texts: (rows, buckets), rows ascending."""
    found = grams(texts)
    return found.rows, ((found.codes >> np.uint64(20)) % np.uint64(BUCKETS)).astype(np.int64)


def words_of(text: str) -> list[str]:
    """The words of a plain text, Chinese ones by the segmenter."""
    import rjieba

    words: list[str] = []
    for run in _WORD.findall(text):
        words += rjieba.cut(run) if run[0] >= "㐀" else [run]
    return words


class Table(NamedTuple):
    """Rows of vectors as bytes with one scale a row: the cosines of texts move by less than 0.01."""

    steps: npt.NDArray[np.int8]  # (N, D)
    scales: npt.NDArray[np.float16]  # (N,)

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float16)
        safe = np.maximum(scales.astype(np.float32), 1e-6)
        return cls(np.round(vectors / safe[:, None]).clip(-127, 127).astype(np.int8), scales)

    def rows(self, places: Numbers) -> Vectors:
        """(len(places), D)."""
        return self.steps[places].astype(np.float32) * self.scales[places].astype(np.float32)[:, None]


class Meaning:
    """Vectors of n-grams (BUCKETS, D) and of `words` (W, D), kept as bytes as in the file."""

    def __init__(self, gram_vectors: Vectors, words: Sequence[str], word_vectors: Vectors) -> None:
        self._set(Table.of(gram_vectors), words, Table.of(word_vectors))

    def _set(self, gram_table: Table, words: Sequence[str], word_table: Table) -> None:
        self._grams, self._vectors = gram_table, word_table
        self._shared: Vectors | None = None
        self._places = {word: place for place, word in enumerate(words)}

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """Raises OSError, ValueError or KeyError for a file that is none of ours."""
        found = cls.__new__(cls)
        with np.load(file or Path(str(files("engine.facts"))) / FILE, allow_pickle=False) as tables:
            found._set(
                Table(tables["grams"], tables["gram_scales"]),
                str(tables["words"]).split("\n"),
                Table(tables["vectors"], tables["vector_scales"]),
            )
        if len(found._grams.steps) != BUCKETS:
            raise ValueError("the n-grams of this file are of another number of buckets")
        return found

    def save(self, file: Path) -> None:
        np.savez_compressed(
            file, grams=self._grams.steps, gram_scales=self._grams.scales, vectors=self._vectors.steps,
            vector_scales=self._vectors.scales, words=np.array("\n".join(self._places)),
        )  # fmt: skip

    @property
    def size(self) -> int:
        return int(self._grams.steps.shape[1])

    def places(self, text: str) -> list[int]:
        """Rows of the words of a plain text; of a word that is not known its characters."""
        places: list[int] = []
        for word in words_of(text):
            known = self._places.get(word)
            places += [known] if known is not None else [self._places[c] for c in word if c in self._places]
        return places

    def vectors(self, texts: Sequence[str], thin: float = 0.0, seed: int = 0) -> Vectors:
        """(N, D) unit vectors of texts as `plain` leaves them; a zero row where nothing is known.

        `thin`: the share of n-grams left out at random, as a text in other words would lack them.
        """
        if not texts:
            return np.zeros((0, self.size), np.float32)
        if len(texts) > _AT_ONCE:
            found = np.empty((len(texts), self.size), np.float32)
            for start in range(0, len(texts), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                found[part] = self.vectors(texts[part], thin, seed + start)
            return found
        rows, buckets = buckets_of(texts)
        if thin:
            kept = np.random.default_rng(seed).random(len(rows)) >= thin
            rows, buckets = rows[kept], buckets[kept]
        total = unit(sums(self._grams, rows, buckets, len(texts)))
        return unit(total + unit(self.sums_of_words(texts)))

    def word_vectors(self, places: Sequence[int]) -> Vectors:
        """(N, D) unit vectors of the words of these rows, without what all words share."""
        if self._shared is None:
            self._shared = self._vectors.rows(np.arange(len(self._vectors.steps))).mean(0)
        return unit(self._vectors.rows(np.array(places, np.int64)) - self._shared)

    def of_words(self, texts: Sequence[str]) -> Vectors:
        """(N, D) unit vectors of plain texts by their words alone."""
        return unit(self.sums_of_words(texts))

    def sums_of_words(self, texts: Sequence[str]) -> Vectors:
        """(N, D) the part of plain texts that their words make, of any length."""
        words = [self.places(text) for text in texts]
        rows = np.repeat(np.arange(len(texts)), [len(places) for places in words])
        places = np.array([place for found in words for place in found], np.int64)
        return sums(self._vectors, rows, places, len(texts))


@functools.cache
def shipped() -> Meaning:
    return Meaning.load()


@functools.cache
def digest() -> str:
    """Of the shipped file: a model that was shown its vectors fits no others."""
    return hashlib.sha256((Path(str(files("engine.facts"))) / FILE).read_bytes()).hexdigest()[:12]


def sums(table: Table, rows: Numbers, places: Numbers, count: int) -> Vectors:
    """(count, D): for each row the sum of its places' vectors. `rows` ascend."""
    if count > _MANY:
        import torch

        starts = torch.from_numpy(np.searchsorted(rows, np.arange(count)))
        scales = table.scales.astype(np.float32)[:, None]
        summed = np.zeros((count, table.steps.shape[1]), np.float32)
        for first in range(0, summed.shape[1], 32):  # in parts, so that no whole table of floats is made
            columns = slice(first, first + 32)
            part = torch.from_numpy(table.steps[:, columns].astype(np.float32) * scales)
            bags = torch.nn.functional.embedding_bag(torch.from_numpy(places), part, starts, mode="sum")
            summed[:, columns] = bags.numpy()
        return summed
    out = np.zeros((count, table.steps.shape[1]), np.float32)
    if len(rows):
        heads = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
        out[rows[heads]] = np.add.reduceat(table.rows(places), heads, axis=0)
    return out


def unit(vectors: Vectors) -> Vectors:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Vectors = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return found
