"""A Bloom filter over lines of verse: has this line been written before?

Knows: strings, bits, one file. Never says no to a line it holds; says yes to another one with at
most the rate it was built for. Does not know: verse, models, where the lines come from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_MAGIC = 0x314C4556_4F4E594D  # first word of a file: "MYNOVEL1"
_HEADER_WORDS = 4  # magic, bits, probes, items
_PRIME, _BASIS, _WORD = 0x100000001B3, 0xCBF29CE484222325, 0xFFFFFFFFFFFFFFFF  # FNV-1a, 64 bits
_BATCH = 1 << 16


class Bloom:
    """Bits and how many of them each string sets. Build with `build` or `load`."""

    def __init__(self, bits: int, probes: int, items: int, cells: npt.NDArray[np.uint8]) -> None:
        self.bits, self.probes, self.items = bits, probes, items
        self._cells = cells

    @classmethod
    def build(cls, items: Iterable[str], rate: float = 8e-5) -> Bloom:
        """A filter of the distinct items. `rate`: chance that a string not among them is taken for one.

        2.4 M lines at the default rate take 6.0 MB. Raises ValueError for a rate outside (0, 1)
        or for more than 4 billion bits.
        """
        if not 0 < rate < 1:
            raise ValueError("rate must lie between 0 and 1")
        distinct = set(items)
        bits = max(64, math.ceil(-max(len(distinct), 1) * math.log(rate) / math.log(2) ** 2))
        bits += -bits % 8
        if bits >> 32:
            raise ValueError("too many lines for one filter")
        probes = max(1, round(bits / max(len(distinct), 1) * math.log(2)))
        probes = min(probes, 24)  # a nearly empty filter needs no more
        bloom = cls(bits, probes, len(distinct), np.zeros(bits // 8, np.uint8))
        by_length: dict[int, list[str]] = defaultdict(list)
        for item in distinct:
            by_length[len(item)].append(item)
        for length, strings in by_length.items():
            for start in range(0, len(strings), _BATCH):
                bloom._add(strings[start : start + _BATCH], length)
        return bloom

    def __contains__(self, item: str) -> bool:
        # Plain integers: for one string that is many times faster than arrays of one.
        place = _mixed(_fold(item))
        step = _mixed(place) | 1
        for _ in range(self.probes):
            index = (place >> 32) * self.bits >> 32
            if not self._cells[index >> 3] >> (index & 7) & 1:
                return False
            place = (place + step) & _WORD
        return True

    def __len__(self) -> int:
        return self.items

    def endings(self, prefix: str, last: Codes) -> Flags:
        """For each code point of `last` (N,): whether prefix + that character is in the filter. (N,)"""
        return self._holds(_mix((np.uint64(_fold(prefix)) ^ last) * np.uint64(_PRIME)))

    def save(self, path: Path) -> None:
        """One .npy file that `load` maps into memory."""
        header = np.array([_MAGIC, self.bits, self.probes, self.items], "<u8")
        with path.open("wb") as file:
            np.save(file, np.concatenate([header.view(np.uint8), self._cells]), allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Bloom:
        """Maps the file: its pages are shared by processes. Raises ValueError for another kind of file."""
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        size = 8 * _HEADER_WORDS
        if content.dtype != np.uint8 or content.ndim != 1 or len(content) < size:
            raise ValueError(f"{path} is not a novelty filter")
        magic, bits, probes, items = (int(word) for word in content[:size].view("<u8"))
        if magic != _MAGIC or bits != 8 * (len(content) - size):
            raise ValueError(f"{path} is not a novelty filter, or was cut short")
        return cls(bits, probes, items, content[size:])

    def _add(self, strings: list[str], length: int) -> None:
        codes = np.array([[ord(character) for character in string] for string in strings], np.uint64)
        hashes = np.full(len(strings), _BASIS, np.uint64)
        for column in range(length):
            hashes = (hashes ^ codes[:, column]) * np.uint64(_PRIME)
        places = _mix(hashes)
        step = _mix(places) | np.uint64(1)
        for _ in range(self.probes):
            index = _scale(places, self.bits)
            bit = np.left_shift(np.uint8(1), (index & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(self._cells, index >> np.uint64(3), bit)
            places = places + step

    def _holds(self, places: Codes) -> Flags:
        """Probes only what is still in question: most strings cost two probes."""
        found = np.zeros(len(places), np.bool_)
        alive = np.flatnonzero(self._probe(places))
        places = places[alive]
        step = _mix(places) | np.uint64(1)
        for _ in range(self.probes - 1):
            if not len(alive):
                return found
            places = places + step
            hit = self._probe(places)
            alive, places, step = alive[hit], places[hit], step[hit]
        found[alive] = True
        return found

    def _probe(self, places: Codes) -> Flags:
        index = _scale(places, self.bits)
        bits: Flags = (self._cells[index >> np.uint64(3)] >> (index & np.uint64(7)).astype(np.uint8)) & 1 != 0
        return bits


def _scale(hashes: Codes, bits: int) -> Codes:
    """Hashes to bit numbers by their upper halves: a multiplication is cheaper than a remainder."""
    return ((hashes >> np.uint64(32)) * np.uint64(bits)) >> np.uint64(32)


def _fold(text: str) -> int:
    value = _BASIS
    for character in text:
        value = (value ^ ord(character)) * _PRIME & _WORD
    return value


def _mixed(value: int) -> int:
    """splitmix64: spreads every bit of the folded string over the whole word."""
    value = value + 0x9E3779B97F4A7C15 & _WORD
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _WORD
    return value ^ value >> 31


def _mix(values: Codes) -> Codes:
    """`_mixed` for an array."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
