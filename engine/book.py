"""The book: our own askings with good replies, and the nearest of them to a given text.

Knows: `facts/book.jsonl.gz` (made by `python -m engine.book_making`), likeness by letters and by meaning.
Does not know: which reply is sent, models, judges. It holds nothing that a member wrote.

Likeness mixes two views: letters (TF-IDF of n-grams, what all askings of an entry share filling up a
part of what the nearest one lacks) and meaning (learnt vectors, the more of an entry's askings are
near the better). An asking word for word in the book has 1.0 and a caller can abstain below a likeness
of its own. What was said just before is a weaker signal for replies that answer a certain turn.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

import numpy as np

from engine import meaning
from engine.likeness import Index, Numbers, plain
from engine.meaning import Meaning

_CONTEXT = 0.3  # share of the score of a reply to a certain turn that hangs on that turn
_ALIKE = 0.35  # cosine of two turns from which they count as the same turn
_MEANING = 0.8  # share of meaning in likeness, the rest is letters
_WIDTH = 0.1  # cosines of meaning this far apart differ by a factor of e when an entry's askings add up


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning: askings, replies that each fit every asking, and the turns they answer, if any.

    `asks` and `before` are as `plain` leaves them: nothing of them is shown.
    """

    task: str
    name: str
    asks: tuple[str, ...]
    replies: tuple[str, ...]
    before: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, line: str) -> Self:
        values = json.loads(line)
        return cls(
            values["t"], values["i"], tuple(values["a"]), tuple(values["r"]), tuple(values.get("b", ()))
        )

    def to_json(self) -> str:
        values: dict[str, object] = {"t": self.task, "i": self.name, "a": self.asks, "r": self.replies}
        if self.before:
            values["b"] = self.before
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


class Book:
    """All entries with their index. Reading is safe from several threads."""

    def __init__(self, entries: Iterable[Entry], vectors: Meaning | None = None) -> None:
        self.entries = list(entries)
        self._meaning = vectors or meaning.shipped()
        self._vectors = self._meaning.vectors([ask for entry in self.entries for ask in entry.asks])
        self._entry = np.array([n for n, entry in enumerate(self.entries) for _ in entry.asks], np.int64)
        self._index = Index([ask for entry in self.entries for ask in entry.asks])
        befores = [" ".join(entry.before) for entry in self.entries]
        self._answering = [number for number, before in enumerate(befores) if before]
        self._before = Index([befores[number] for number in self._answering])
        self._many = [n for n, entry in enumerate(self.entries) if len(entry.asks) > 2]
        self._meanings = Index([" ".join(self.entries[number].asks) for number in self._many])
        self._tasks = {
            task: np.array([e.task == task for e in self.entries])
            for task in {entry.task for entry in self.entries}
        }

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """The shipped book, or another one made by `engine.book_making`."""
        source = file or resources.files("engine.facts") / "book.jsonl.gz"
        lines = gzip.decompress(source.read_bytes()).decode("utf-8").splitlines()
        return cls(map(Entry.from_json, lines))

    def likenesses(self, text: str, context: Sequence[str] = (), task: str = "chat") -> Numbers:
        """(entries,): how near the nearest asking of each entry is, 0 for entries of other tasks."""
        found = np.zeros(len(self.entries), np.float32)
        if task not in self._tasks:
            return found
        words = plain(text)
        np.maximum.at(found, self._entry, self._index.likeness(words))
        if self._many:
            # several askings of one meaning together know more words for it than the nearest one
            found[self._many] += (1 - found[self._many]) * self._meanings.likeness(words)
        found = (1 - _MEANING) * np.minimum(found, 1) + _MEANING * self._near(words)
        if self._answering:
            same = np.zeros(len(self._answering), np.float32)
            if context:
                same = np.minimum(self._before.likeness(plain(context[-1])) / _ALIKE, 1)
            found[self._answering] *= 1 - _CONTEXT * (1 - same)
        return np.where(self._tasks[task], found, 0)

    def _near(self, words: str) -> Numbers:
        """(entries,) nearness by meaning in [0, 1]."""
        vector = self._meaning.vectors([words])[0]
        if not vector.any():
            return np.zeros(len(self.entries), np.float32)
        cosines = self._vectors @ vector
        sums = np.bincount(self._entry, np.exp((cosines - 1) / _WIDTH), minlength=len(self.entries))
        near: Numbers = (1 + _WIDTH * np.log(np.maximum(sums, 1e-9))).clip(0, 1).astype(np.float32)
        return near

    def nearest(
        self, text: str, context: Sequence[str] = (), task: str = "chat", n: int = 3
    ) -> list[tuple[str, float]]:
        """At most `n` distinct replies with their likeness in [0, 1], the nearest asking's first.

        `context` is what was said before, oldest first, as in Request. The same call gives the same
        replies; which of an entry's replies comes first depends on the text.
        """
        likeness = self.likenesses(text, context, task)
        found: dict[str, float] = {}
        turn = zlib.crc32("\n".join((text, *context[-1:])).encode("utf-8", "replace"))
        for number in np.argsort(-likeness, kind="stable")[: max(n, 1)]:
            if likeness[number] <= 0:
                break
            replies = self.entries[number].replies
            for step in range(len(replies)):
                found.setdefault(replies[(turn + step) % len(replies)], min(1.0, float(likeness[number])))
            if len(found) >= n:
                break
        return list(found.items())[:n]
