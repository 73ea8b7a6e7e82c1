"""The book: our own askings with good replies, and the nearest of them to a given text.

Knows: `facts/book.jsonl.gz` (made by `python -m engine.book_making`), likeness of character n-grams.
Does not know: which reply is sent, models, judges. It holds nothing that a member wrote.

Likeness is the cosine of TF-IDF over n-grams (1 to 3 with Han characters, 2 to 4 of other letters),
so an asking word for word in the book has 1.0 and a caller can abstain below a likeness of its own.
What all askings of a meaning share fills up a part of what the nearest one lacks.
What was said just before is a weaker second signal for replies that answer a certain turn.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from engine.text import simplify

_CONTEXT = 0.3  # share of the score of a reply to a certain turn that hangs on that turn
_ALIKE = 0.35  # cosine of two turns from which they count as the same turn
_CLOSE = 0.999  # replies of askings this close to the best one take turns
_MIX = np.uint64(0x9E3779B97F4A7C15)
_PUNCTUATION = re.compile(r"[^\w\s]|_", re.UNICODE)

Codes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.float32]


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


def plain(text: str) -> str:
    """What likeness looks at: NFKC, simplified, lower case, no punctuation unless there is nothing else."""
    text = simplify(unicodedata.normalize("NFKC", text)).lower().replace("'", "").replace("’", "")
    bare = " ".join(_PUNCTUATION.sub(" ", text).replace("墨友", " ").replace("moyou", " ").split())
    return bare or " ".join(text.split())


class Grams(NamedTuple):
    """Distinct n-grams of many texts: text `rows[i]` holds the n-gram with code `codes[i]`."""

    rows: npt.NDArray[np.int64]
    codes: Codes


def grams(texts: Sequence[str]) -> Grams:
    """The n-grams of plain texts, by arithmetic on code points (a Python loop would take seconds)."""
    joined = "\n".join(f" {text} " for text in texts)
    points = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.uint64)
    rows = np.cumsum(points == 10)
    letter = points != 10
    han = (points >= 0x3400) & (points < 0xA000) | (points >= 0x20000)
    found_rows, found_codes = [], []
    code = np.zeros_like(points)
    whole = np.ones(len(points), bool)
    any_han = np.zeros(len(points), bool)
    spaces = np.ones(len(points), bool)
    for length in range(1, 5):
        # position i now holds the n-gram that ends at i
        if length > 1:
            code = np.concatenate([[np.uint64(0)], code[:-1]])
            whole = np.concatenate([[False], whole[:-1]])
            any_han = np.concatenate([[False], any_han[:-1]])
            spaces = np.concatenate([[False], spaces[:-1]])
        code = (code ^ (points + np.uint64(length))) * _MIX
        code ^= code >> np.uint64(29)
        whole &= letter
        any_han |= han
        spaces &= points == 32
        symbol = (points > 0x2000) & ~han  # an emoji says something alone
        wanted = whole & ~spaces
        if length == 1:
            wanted &= han | symbol
        elif length == 4:
            wanted &= ~any_han
        found_rows.append(rows[wanted])
        found_codes.append(code[wanted])
    all_rows = np.concatenate(found_rows)
    all_codes = np.concatenate(found_codes)
    order = np.lexsort((all_codes, all_rows))
    all_rows, all_codes = all_rows[order], all_codes[order]
    new = np.ones(len(all_rows), bool)
    new[1:] = (all_rows[1:] != all_rows[:-1]) | (all_codes[1:] != all_codes[:-1])
    return Grams(all_rows[new].astype(np.int64), all_codes[new])


class Index:
    """TF-IDF of texts as an inverted index; `likeness` is the cosine of a text with each of them."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = len(texts)
        rows, codes = grams(texts) if texts else Grams(np.zeros(0, np.int64), np.zeros(0, np.uint64))
        order = np.argsort(codes, kind="stable")
        self.codes, heads = np.unique(codes[order], return_index=True)
        self.heads = np.append(heads, len(codes))
        self.rarity = np.log((1 + self.size) / np.diff(self.heads)).astype(np.float32) + np.float32(0.1)
        self.rows = rows[order].astype(np.int32)
        weights = np.repeat(self.rarity, np.diff(self.heads))
        norms = np.sqrt(np.bincount(self.rows, weights**2, minlength=self.size)).astype(np.float32)
        self.weights = (weights / np.maximum(norms[self.rows], 1e-9)).astype(np.float32)
        self.unseen = np.float32(np.log(1 + self.size) + 0.1)

    def likeness(self, text: str) -> Numbers:
        """(size,) cosines of a plain text with every text."""
        codes = grams([text]).codes
        if not len(codes) or not len(self.codes):
            return np.zeros(self.size, np.float32)
        places = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        known = self.codes[places] == codes
        rarity = np.where(known, self.rarity[places], self.unseen)
        norm = float(np.sqrt((rarity**2).sum()))
        scores = np.zeros(self.size, np.float32)
        for place in places[known]:
            span = slice(self.heads[place], self.heads[place + 1])
            scores[self.rows[span]] += self.weights[span] * (self.rarity[place] / norm)
        return scores


class Book:
    """All entries with their index. Reading is safe from several threads."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = list(entries)
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
        if self._answering:
            same = np.zeros(len(self._answering), np.float32)
            if context:
                same = np.minimum(self._before.likeness(plain(context[-1])) / _ALIKE, 1)
            found[self._answering] *= 1 - _CONTEXT * (1 - same)
        return np.where(self._tasks[task], found, 0)

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
