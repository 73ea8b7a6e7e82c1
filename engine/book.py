"""The book: our own askings with good replies, and the nearest of them to a given text.

Knows: `facts/book.jsonl.gz` (made by `python -m engine.book_making`), likeness by meaning.
Does not know: which reply is sent, models, judges. It holds nothing that a member wrote.

Likeness of what is said comes from cosines of learnt vectors (`engine.meaning`), the more of an entry's
askings are near the better, and is scaled to be the share of replies that fit. Openings and topics, which
those vectors were not learnt from, are alike by letters too (`engine.likeness`). An asking word for word
in the book has 1.0 and nothing else has, and a caller can abstain below a likeness of its own. What was
said just before is a weaker signal for replies that answer a certain turn.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self, overload

import numpy as np
import torch

from engine import meaning
from engine.likeness import Index, Numbers, plain
from engine.lines import Lines
from engine.meaning import Meaning
from engine.openings import FINISHED, break_of

_CONTEXT = 0.3  # share of the score of a reply to a certain turn that hangs on that turn
_ALIKE = 0.35  # cosine of two turns from which they count as the same turn
_WIDTH = 0.1  # cosines of meaning this far apart differ by a factor of e when an entry's askings add up
# Nearness, and the share of replies that blind raters found fitting there (600 ratings of 300 askings that
# nobody learnt from, tests/bench/relevance.py): what likeness means to everyone else.
_NEARNESS = (0.6, 0.7, 0.775, 0.825, 0.875, 0.925, 0.97, 1.0)
_FITS = (0.0, 0.1, 0.3, 0.47, 0.68, 0.8, 0.94, 1.0)
_CHAT, _CONTINUE = "chat", "continue"
# Of the likeness of an opening that breaks off otherwise, and of one that does not break off where this does,
# or the other way about: what follows it seldom joins, and hardly ever.
_BROKEN, _UNBROKEN = 0.75, 0.55
_LETTERS = 0.4  # share of letters in the likeness of what is not said in a chat
_PLENTY = 0.8  # from where likeness is bent, so that many near askings never add up to the same one


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning: askings, replies that each fit every asking, and the turns they answer, if any.

    `asks` and `before` are as `plain` leaves them: nothing of them is shown. `breaks`: how openings that
    are gone on with break off (`engine.openings`).
    """

    task: str
    name: str
    asks: tuple[str, ...]
    replies: tuple[str, ...]
    before: tuple[str, ...] = ()
    breaks: str = ""

    @classmethod
    def from_json(cls, line: str) -> Self:
        values = json.loads(line)
        return cls(
            values["t"],
            values["i"],
            tuple(values["a"]),
            tuple(values["r"]),
            tuple(values.get("b", ())),
            values.get("e", ""),
        )

    def to_json(self) -> str:
        values: dict[str, object] = {"t": self.task, "i": self.name, "a": self.asks, "r": self.replies}
        if self.before:
            values["b"] = self.before
        if self.breaks:
            values["e"] = self.breaks
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def read(file: Path | None = None) -> list[Entry]:
    """The entries of the shipped book, or of another one."""
    return list(Entries(_content(file)))


def _content(file: Path | None) -> bytes:
    source = file or resources.files("engine.facts") / "book.jsonl.gz"
    return gzip.decompress(source.read_bytes())


class Entries(Sequence[Entry]):
    """Entries as the lines of their file, each read when it is asked for: 6 MB where objects take 35."""

    def __init__(self, block: bytes) -> None:
        self._lines = Lines(block)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        return cls("".join(f"{entry.to_json()}\n" for entry in entries).encode("utf-8"))

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> Entry: ...
    @overload
    def __getitem__(self, place: slice) -> list[Entry]: ...
    def __getitem__(self, place: int | slice) -> Entry | list[Entry]:
        if isinstance(place, slice):
            return [Entry.from_json(line) for line in self._lines[place]]
        return Entry.from_json(self._lines[place])


class Book:
    """All entries with their index. Reading is safe from several threads."""

    def __init__(self, entries: Iterable[Entry], vectors: Meaning | None = None) -> None:
        self.entries = entries if isinstance(entries, Entries) else Entries.of(entries)
        self._meaning = vectors or meaning.shipped()
        asks: list[str] = []
        owners, others, answering = array("q"), array("q"), array("q")
        letters: list[str] = []
        befores: list[str] = []
        tasks: list[str] = []
        breaks: list[str] = []
        for number, entry in enumerate(self.entries):
            asks += entry.asks
            owners.extend([number] * len(entry.asks))
            tasks.append(sys.intern(entry.task))
            breaks.append(sys.intern(entry.breaks))
            if entry.task != _CHAT:
                letters += entry.asks
                others.extend([number] * len(entry.asks))
            if before := " ".join(entry.before):
                answering.append(number)
                befores.append(before)
        # As halves: cosines move by 2e-4, the memory of 67,000 askings by 17 MB.
        self._vectors = torch.from_numpy(self._meaning.vectors(asks)).half()
        self._entry, self._others = np.array(owners, np.int64), np.array(others, np.int64)
        self._answering = np.array(answering, np.int64)
        self._letters, self._before = Index(letters), Index(befores)
        sums = np.array([_sum(ask) for ask in asks], np.uint32)
        order = np.argsort(sums, kind="stable")
        self._sums, self._summed = sums[order], self._entry[order]
        self._breaks = np.array(breaks)
        self._tasks = {task: np.array([one == task for one in tasks]) for task in set(tasks)}

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """The shipped book, or another one made by `engine.book_making`."""
        return cls(Entries(_content(file)))

    def likenesses(self, text: str, context: Sequence[str] = (), task: str = "chat") -> Numbers:
        """(entries,): how near the nearest asking of each entry is, 0 for entries of other tasks."""
        if task not in self._tasks:
            return np.zeros(len(self.entries), np.float32)
        words = plain(text)
        found = self._near(words)
        if len(self._answering):
            same = np.zeros(len(self._answering), np.float32)
            if context:
                same = np.minimum(self._before.likeness(plain(context[-1])) / _ALIKE, 1)
            found[self._answering] *= 1 - _CONTEXT * (1 - same)
        if task == _CHAT:
            fits = np.interp(found, _NEARNESS, _FITS).astype(np.float32)
            found = np.maximum(fits, found * np.float32(1e-3))  # below the first point the order is kept
        else:
            alike = np.zeros(len(self.entries), np.float32)
            np.maximum.at(alike, self._others, self._letters.likeness(words))
            found = np.where(found < 1, (1 - _LETTERS) * found + _LETTERS * np.minimum(alike, 1), 1)
        if task == _CONTINUE:
            own = break_of(text)
            same_end = (self._breaks == FINISHED) == (own == FINISHED)
            joins = np.where(self._breaks == own, 1, np.where(same_end, _BROKEN, _UNBROKEN))
            found = np.where(found < 1, joins * found, 1)
        return np.where(self._tasks[task], found, 0).astype(np.float32)

    def _near(self, words: str) -> Numbers:
        """(entries,) nearness in [0, 1]; 1 where an entry has the very words among its askings."""
        vector = self._meaning.vectors([words])[0]
        near = np.zeros(len(self.entries), np.float32)
        if vector.any():
            cosines = (self._vectors @ torch.from_numpy(vector).half()).numpy().astype(np.float32)
            sums = np.bincount(self._entry, np.exp((cosines - 1) / _WIDTH), minlength=len(self.entries))
            near = (1 + _WIDTH * np.log(np.maximum(sums, 1e-9))).clip(0).astype(np.float32)
            rest = 1 - _PLENTY
            near = np.minimum(near, 1 - rest * np.exp((_PLENTY - np.maximum(near, _PLENTY)) / rest))
        near[self._with(words)] = 1
        return near

    def _with(self, words: str) -> list[int]:
        """The entries that have the very words among their askings."""
        wanted = np.uint32(_sum(words))
        low = int(np.searchsorted(self._sums, wanted))
        high = int(np.searchsorted(self._sums, wanted, side="right"))
        return [n for n in self._summed[low:high].tolist() if words in self.entries[n].asks]

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


def _sum(words: str) -> int:
    return zlib.crc32(words.encode("utf-8", "surrogatepass"))
