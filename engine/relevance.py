"""Does this reply answer that asking? A number from -1 to 1, learnt from our own askings and their replies.

Knows: `facts/relevance.npz` (learnt by `engine.relevance_training`): vectors of a reply's hashed character
n-grams, and how words' vectors are turned; `engine.meaning`, into whose space both lead.
Does not know: the book (a reply need stand in none), which model wrote the reply, how well it is written.

A bilingual dual encoder (Henderson et al. 2017, "Efficient Natural Language Response Suggestion"): askings
have their vector by meaning, replies one beside it, and the cosine says how well they go together.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Self

import numpy as np

from engine import meaning
from engine.likeness import plain
from engine.meaning import Meaning, Table, Vectors, buckets_of, sums, unit

FILE = "relevance.npz"
BUCKETS = 1 << 15
"""Of replies' n-grams: half of those of askings, which find their reply as often."""


class Relevance:
    """Vectors of replies' n-grams (BUCKETS, D), and the turn (D, D) of their words' vectors by `words`."""

    def __init__(self, grams: Table, turn: Vectors, words: Meaning) -> None:
        self._grams, self._turn, self._words = grams, turn.astype(np.float32), words

    @classmethod
    def load(cls, file: Path | None = None, words: Meaning | None = None) -> Self:
        """Raises OSError, ValueError or KeyError for a file that is none of ours."""
        words = words or meaning.shipped()
        with np.load(file or Path(str(files("engine.facts"))) / FILE, allow_pickle=False) as tables:
            grams, turn = Table(tables["grams"], tables["scales"]), tables["turn"]
        if len(grams.steps) != BUCKETS or turn.shape != (words.size, words.size):
            raise ValueError("the vectors of this file are of another shape")
        return cls(grams, turn, words)

    def save(self, file: Path) -> None:
        turn = self._turn.astype(np.float16)
        np.savez_compressed(file, grams=self._grams.steps, scales=self._grams.scales, turn=turn)

    def vectors(self, replies: Sequence[str]) -> Vectors:
        """(N, D) unit vectors of replies; a zero row where nothing is known."""
        texts = [plain(reply) for reply in replies]
        rows, buckets = buckets_of(texts)
        by_grams = unit(sums(self._grams, rows, buckets % BUCKETS, len(texts)))
        return unit(by_grams + unit(self._words.sums_of_words(texts) @ self._turn.T))

    def of(self, asking: str, replies: Sequence[str]) -> list[float]:
        """For each reply how well it answers; 0 where nothing is known of either."""
        if not replies:
            return []
        near = self.vectors(replies) @ self._words.vectors([plain(asking)])[0]
        return [float(value) for value in near]


@functools.cache
def shipped() -> Relevance:
    return Relevance.load()
