"""A Bloom filter over lines of verse: has this line been written before?

Knows: strings, bits, one file. Never says no to a line it holds; says yes to another one at most at
the rate it was built for. Does not know: verse, models, where the lines come from.

The filter is cut into blocks of 4096 bits. All but a line's last character choose the block, the
last one the bits in it, so that every ending of a line that is being written is looked up in half a
kilobyte: thousands of endings cost as much as a few random reads from the whole filter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_MAGIC = 0x324C45564F4E594D  # "MYNOVEL2"
_HEADER_WORDS = 4  # magic, blocks, probes, items
_BLOCK_BITS = 4096
_FIELD, _FIELDS = 12, 5  # bits that number a bit of a block; how many such numbers a word gives
_PRIME, _BASIS, _WORD = 0x100000001B3, 0xCBF29CE484222325, 0xFFFFFFFFFFFFFFFF  # FNV-1a, 64 bits
_BATCH = 1 << 16
_UNEVEN = 1.04  # blocks are not filled evenly; this makes up for it, measured


class Bloom:
    """Blocks of bits and how many bits each string sets. Make one with `build` or `load`."""

    def __init__(self, probes: int, items: int, blocks: npt.NDArray[np.uint8]) -> None:
        self.probes, self.items = probes, items
        self._blocks = blocks  # (blocks, 512) bytes

    @classmethod
    def build(cls, items: Iterable[str], rate: float = 8e-5) -> Bloom:
        """A filter of the distinct items that are not empty.

        `rate`: the chance that a string not among them is taken for one; 1.5 M lines take 3.8 MB at
        the default. Raises ValueError for a rate outside (0, 1).
        """
        if not 0 < rate < 1:
            raise ValueError("rate must lie between 0 and 1")
        distinct = sorted({item for item in items if item})
        bits = _UNEVEN * -math.log(rate) / math.log(2) ** 2 * len(distinct)
        count = max(1, math.ceil(bits / _BLOCK_BITS))
        probes = max(1, round(-math.log2(rate)))
        bloom = cls(probes, len(distinct), np.zeros((count, _BLOCK_BITS // 8), np.uint8))
        for start in range(0, len(distinct), _BATCH):
            bloom._add(distinct[start : start + _BATCH])
        return bloom

    def __len__(self) -> int:
        return self.items

    def __contains__(self, item: str) -> bool:
        if not item:
            return False
        # Plain integers: for one string many times faster than arrays of one.
        head = _mixed(_folded(item[:-1]))
        block = self._blocks[(head >> 32) * len(self._blocks) >> 32]
        word = _mixed(head ^ _mixed(ord(item[-1])))
        for probe in range(self.probes):
            if probe and probe % _FIELDS == 0:
                word = _mixed(word)
            bit = word >> probe % _FIELDS * _FIELD & _BLOCK_BITS - 1
            if not block[bit >> 3] >> (bit & 7) & 1:
                return False
        return True

    def endings(self, prefix: str, last: Words) -> Flags:
        """(N,) whether prefix + character is in the filter. `last`: (N,) characters as `letters` gives."""
        head = _mixed(_folded(prefix))
        table = np.unpackbits(self._blocks[(head >> 32) * len(self._blocks) >> 32], bitorder="little").view(
            np.bool_
        )
        found = np.zeros(len(last), np.bool_)
        alive, words = np.arange(len(last)), _mix(last ^ np.uint64(head))
        for probe in range(self.probes):
            if probe and probe % _FIELDS == 0:
                words = _mix(words)
            hit = np.flatnonzero(table[_bit_numbers(words, probe)])
            if not len(hit):
                return found
            alive, words = alive[hit], words[hit]
        found[alive] = True
        return found

    def save(self, path: Path) -> None:
        """One .npy file that `load` maps into memory."""
        header = np.array([_MAGIC, len(self._blocks), self.probes, self.items], "<u8")
        with path.open("wb") as file:
            np.save(file, np.concatenate([header.view(np.uint8), self._blocks.ravel()]), allow_pickle=False)

    @classmethod
    def load(cls, path: Path) -> Bloom:
        """Maps the file: processes share its pages. Raises ValueError for another kind of file."""
        content = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        size = 8 * _HEADER_WORDS
        if content.dtype != np.uint8 or content.ndim != 1 or len(content) < size:
            raise ValueError(f"{path} is not a novelty filter")
        magic, blocks, probes, items = (int(word) for word in content[:size].view("<u8"))
        if magic != _MAGIC or blocks * _BLOCK_BITS // 8 != len(content) - size:
            raise ValueError(f"{path} is not a novelty filter, or was cut short")
        return cls(probes, items, content[size:].reshape(blocks, -1))

    def _add(self, strings: list[str]) -> None:
        heads = np.array([_mixed(_folded(string[:-1])) for string in strings], np.uint64)
        words = _mix(heads ^ letters([string[-1] for string in strings]))
        blocks = ((heads >> np.uint64(32)) * np.uint64(len(self._blocks))) >> np.uint64(32)
        for probe in range(self.probes):
            if probe and probe % _FIELDS == 0:
                words = _mix(words)
            bits = _bit_numbers(words, probe)
            values = np.left_shift(np.uint8(1), (bits & np.uint64(7)).astype(np.uint8))
            np.bitwise_or.at(self._blocks, (blocks, bits >> np.uint64(3)), values)


def letters(characters: Iterable[str]) -> Words:
    """(N,) single characters, scattered over 64 bits once, for many calls of `Bloom.endings`."""
    return _mix(np.array([ord(character) for character in characters], np.uint64))


def _bit_numbers(words: Words, probe: int) -> Words:
    return (words >> np.uint64(probe % _FIELDS * _FIELD)) & np.uint64(_BLOCK_BITS - 1)


def _folded(text: str) -> int:
    value = _BASIS
    for character in text:
        value = (value ^ ord(character)) * _PRIME & _WORD
    return value


def _mixed(value: int) -> int:
    """splitmix64: every bit of the result depends on every bit of the value."""
    value = value + 0x9E3779B97F4A7C15 & _WORD
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _WORD
    return value ^ value >> 31


def _mix(values: Words) -> Words:
    """`_mixed` for an array."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
