"""Simplified characters to those used in Taiwan, as OpenCC's s2tw does it, in 2 MB rather than its 44.

Knows: `facts/traditional.tsv.gz` (made by `engine.facts.make_traditional`): phrases, characters, variants;
the longest phrase that begins at a place is taken first. Does not know: locales, what a text is for.

OpenCC holds an object for each of its 50,000 phrases. That all texts come out alike is tested against it.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.lines import Lines

_FILE = "traditional.tsv.gz"
_BITS = 21  # of a code point


class Traditional:
    """The four parts of the file, as bytes: what is normalised, phrases, characters, variants."""

    def __init__(self, normal: bytes, phrases: bytes, characters: bytes, variants: bytes) -> None:
        import numpy as np

        from engine.lines import Lines

        self._normal = {ord(key): value for key, value in _rows(Lines(normal))}
        self._characters = {ord(key): value for key, value in _rows(Lines(characters))}
        self._variants = dict(_rows(Lines(variants)))
        longest_first = sorted(self._variants, key=lambda key: -len(key))
        self._variant = re.compile("|".join(map(re.escape, longest_first)))
        self._phrases = Lines(phrases)
        # Phrases that begin with the same two characters lie side by side.
        heads = np.array([_pair(*phrase[:2]) for phrase in self._phrases], np.uint64)
        self._pairs, firsts = np.unique(heads, return_index=True)
        self._firsts = np.append(firsts, len(heads)).astype(np.uint32)

    def convert(self, text: str) -> str:
        """`text` in the characters of Taiwan; what is not simplified Chinese stays as it is."""
        text = text.translate(self._normal)
        pieces: list[str] = []
        done = 0
        for start, pair in self._beginnings(text):
            found = self._phrase(text, start, pair) if start >= done else None
            if found is not None:
                pieces += text[done:start].translate(self._characters), found[1]
                done = start + len(found[0])
        pieces.append(text[done:].translate(self._characters))
        return "".join(self._variant.sub(lambda found: self._variants[found[0]], piece) for piece in pieces)

    def _beginnings(self, text: str) -> list[tuple[int, int]]:
        """Where two characters stand that a phrase begins with, and the place of the two."""
        import numpy as np

        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        pairs = points[:-1] << np.uint64(_BITS) | points[1:]
        places = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        starts = np.flatnonzero(self._pairs[places] == pairs)
        return list(zip(starts.tolist(), places[starts].tolist(), strict=True))

    def _phrase(self, text: str, start: int, pair: int) -> tuple[str, str] | None:
        """The longest phrase that begins at `start`, and what it becomes."""
        for place in range(int(self._firsts[pair + 1]) - 1, int(self._firsts[pair]) - 1, -1):
            key, _, value = self._phrases[place].partition("\t")
            if text.startswith(key, start):  # of two that fit the longer one stands later
                return key, value
        return None


def _pair(first: str, second: str) -> int:
    return ord(first) << _BITS | ord(second)


def _rows(lines: Lines) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (line.partition("\t") for line in lines)]


@functools.cache
def _shipped() -> Traditional:
    from engine.facts import read_bytes

    return Traditional(*read_bytes(_FILE).split(b"\n\n"))


def to_traditional(text: str) -> str:
    """`text` in the characters used in Taiwan."""
    return _shipped().convert(text)
