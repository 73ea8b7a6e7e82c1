"""Which words stood beside each other in the lines an English model was shown, and the lines themselves.

Knows: pairs of token ids as one sorted array in a file, and how lines of ids are kept in a Bloom filter.
Does not know: words, verse, models.

A small model's commonest fault is two words that nobody would put together; a line whose every pair was
written before still says new things, since whole lines of the corpus are forbidden.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.novelty import Bloom, Flags
from engine.vocabulary import LINE, UNKNOWN
from engine.weights import LINES_FILE, PAIRS_FILE, TRIPLES_FILE

Ids = npt.NDArray[np.uint16]
Whole = npt.NDArray[np.int64]
_LEAST_WORDS = 3  # a shorter line belongs to nobody


class WordPairs:
    """`pairs` (N, 2) of ids: what stands later in a line and what was seen right before it.

    `triples` (M, 3): the same of three. The edge of a line is LINE on either side.
    """

    def __init__(self, pairs: Ids, size: int, triples: Ids | None = None) -> None:
        wide = np.zeros((0, 3), np.int64) if triples is None else triples.astype(np.int64)
        # One sorted number a triple: those that begin alike lie side by side. Its first word is told by
        # the place, so that the rest fits in 32 bits.
        whole = np.sort((wide[:, 0] * size + wide[:, 1]) * size + wide[:, 2])
        self._laters = np.searchsorted(whole, np.arange(size + 1) * size * size)
        self._triples = (whole % (size * size)).astype(np.uint32)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        self._before = pairs[order, 1].astype(np.uint16)
        self._starts = np.searchsorted(pairs[order, 0], np.arange(size + 1))
        self._size = size
        self.begins: Flags = np.zeros(size, np.bool_)  # words that a line may begin with
        self.begins[pairs[pairs[:, 1] == LINE, 0]] = True

    def before(self, token: int) -> Flags:
        """(V,) the tokens that were seen right before `token`; LINE: the words a line may end with."""
        flags = np.zeros(self._size, np.bool_)
        flags[self._before[self._starts[token] : self._starts[token + 1]]] = True
        return flags

    def before_both(self, token: int, later: int) -> Flags:
        """(V,) the tokens that were seen right before `token` where `later` came right after it."""
        near = self._triples[self._laters[later] : self._laters[later + 1]]
        first = token * self._size
        low = np.searchsorted(near, np.uint32(first))
        high = np.searchsorted(near, np.uint32(first + self._size - 1), side="right")
        flags = np.zeros(self._size, np.bool_)
        flags[near[low:high] - np.uint32(first)] = True
        return flags

    def reach(self, syllables: Whole, fits: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
        """(longest + 1, V): whether words of so many syllables can lead from a line's beginning to a token.

        `syllables` (V,), 0 for what is no word; `fits` (2, V): whether a word may begin at an odd (0)
        or even (1) syllable of a line.
        """
        found = np.zeros((longest + 1, self._size), np.bool_)
        found[0] = self.begins
        later = np.repeat(np.arange(self._size), np.diff(self._starts))
        for left in range(1, longest + 1):
            for size in range(1, left + 1):
                able = (syllables == size) & fits[(left - size) % 2] & found[left - size]
                found[left, later[able[self._before]]] = True
        return found

    @classmethod
    def load(cls, folder: Path, size: int) -> WordPairs | None:
        """Both files of a checkpoint, None where it has none. `size` is V. Raises ValueError."""
        found = []
        for name, width in ((PAIRS_FILE, 2), (TRIPLES_FILE, 3)):
            if not (folder / name).exists():
                return None
            ids = np.load(folder / name, allow_pickle=False)
            if ids.dtype != np.uint16 or ids.ndim != 2 or ids.shape[1] != width or ids.max(initial=0) >= size:
                raise ValueError(f"{name} does not belong to this vocabulary")
            found.append(ids)
        return cls(found[0], size, found[1])


def line_key(words: Sequence[int]) -> str:
    """A line's words, from its end, as one string: a character an id."""
    return "".join(map(chr, words))


def keep_lines(folder: Path, lines: Iterable[tuple[list[int], list[int]]]) -> None:
    """Writes a checkpoint's lines not to write again, and the pairs and triples seen.

    `lines`: ids from the line's end, its words alone and with its marks. Unknown words make no pair.
    """
    keys: set[str] = set()
    pairs: set[tuple[int, ...]] = set()
    triples: set[tuple[int, ...]] = set()
    for words, line in lines:
        if len(words) >= _LEAST_WORDS:
            keys.add(line_key(words))
        whole = [LINE, *line, LINE]
        pairs.update(itertools.pairwise(whole))
        triples.update(zip(whole, whole[1:], whole[2:], strict=False))
    Bloom.build(keys).save(folder / LINES_FILE)
    for name, width, seen in ((PAIRS_FILE, 2, pairs), (TRIPLES_FILE, 3, triples)):
        found = sorted(one for one in seen if UNKNOWN not in one)
        np.save(folder / name, np.array(found, np.uint16).reshape(-1, width), allow_pickle=False)
