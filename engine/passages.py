"""Has this passage of prose stood in somebody else's text? A filter of sampled n-grams in a checkpoint.

Knows: what counts as a passage, how it is found again from a third of its n-grams, one file.
Does not know: models, drafts, scores; our own text, which may be echoed, is never put in.

A passage is CHARACTERS characters in a row (blanks aside, case and width folded), at least half of them
Han; or WORDS words of Latin script in a row, about as long a thought. Of every third-party text only the
n-grams that begin at every STEP-th place are kept, of a length such that each passage holds one of them
whole (10 + 3 - 1 = 12, 6 + 3 - 1 = 8): a copied passage is always found. What is no copy is taken for one
where it shares ten characters (six words) by chance, or by the filter's own error, at most RATE an n-gram:
below 1e-4 a reply of a hundred characters, at 29 bits for three characters of text.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine import corpus
from engine.corpus import CorpusConfig
from engine.novelty import Flags, Words, _mix
from engine.text import simplify
from engine.weights import PASSAGES_FILE

CHARACTERS, WORDS, STEP = 12, 8, 3
RATE = 1e-6
FILE = PASSAGES_FILE
_SIZES = (CHARACTERS - STEP + 1, WORDS - STEP + 1)
_HAN_IN_GRAM = CHARACTERS // 2 - STEP + 1  # what a passage that is half Han must have in each n-gram
_MAGIC, _HEADER = 0x3153534150594F4D, 4  # "MOYPASS1"; words of the header: magic, bits, probes, items
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_BLANK = re.compile(r"\s+")
_LATIN_WORD = re.compile(r"[^\W\d_㐀-鿿]+(?:['’-][^\W\d_㐀-鿿]+)*")


class Units(NamedTuple):
    """A text as numbers: its characters without blanks, which are Han, and its words of Latin script."""

    characters: Words
    han: Flags
    words: Words


@lru_cache(maxsize=1 << 16)
def _word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8"), digest_size=8).digest(), "little")


def units(text: str) -> Units:
    folded = unicodedata.normalize("NFKC", simplify(text)).casefold()
    points = np.frombuffer(_BLANK.sub("", folded).encode("utf-32-le", "replace"), np.uint32)
    han = (points >= 0x3400) & (points < 0xA000) | (points >= 0x20000)
    words = [_word(word.replace("’", "'")) for word in _LATIN_WORD.findall(folded)]
    return Units(points.astype(np.uint64), han, np.array(words, np.uint64))


def _hashes(values: Words, size: int, kind: int) -> Words:
    """(N - size + 1,) one number for each run of `size` values."""
    count = len(values) - size + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    found = np.full(count, kind + 1, np.uint64)
    for offset in range(size):
        found = _mix((found ^ values[offset : offset + count]) * _PRIME)
    return found


def _sums(flags: Flags, size: int) -> npt.NDArray[np.int64]:
    """(N - size + 1,) how many of each run of `size` flags are set."""
    total = np.concatenate([[0], np.cumsum(flags)])
    return np.asarray(total[size:] - total[: max(0, len(total) - size)], np.int64)


def _grams(found: Units, kind: int) -> tuple[Words, Flags]:
    """The n-grams at every place of a text, and which of them count. kind: 0 characters, 1 words."""
    if kind == 1:
        grams = _hashes(found.words, _SIZES[1], 1)
        return grams, np.ones(len(grams), np.bool_)
    grams = _hashes(found.characters, _SIZES[0], 0)
    return grams, _sums(found.han, _SIZES[0])[: len(grams)] >= _HAN_IN_GRAM


class _Filter(NamedTuple):
    bits: npt.NDArray[np.uint8]
    size: int  # bits
    probes: int
    items: int

    def holds(self, keys: Words) -> Flags:
        """(N,) whether each key is among the items, or taken for one."""
        found = np.zeros(len(keys), np.bool_)
        alive = np.arange(len(keys))
        for place in _places(keys, self.size, self.probes):
            here = place[alive]
            alive = alive[(self.bits[here >> 3] >> (here & 7).astype(np.uint8) & 1).astype(np.bool_)]
            if not len(alive):
                return found
        found[alive] = True
        return found


def _places(keys: Words, size: int, probes: int) -> Iterator[npt.NDArray[np.int64]]:
    """Where each key's bits stand, probe by probe (Kirsch and Mitzenmacher 2006)."""
    first, second = _mix(keys), _mix(keys ^ _PRIME) | np.uint64(1)
    for probe in range(probes):
        yield ((first + np.uint64(probe) * second) % np.uint64(size)).astype(np.int64)


class Passages:
    """Filters of the passages that may not be written again. Reading is safe from several threads."""

    def __init__(self, filters: Sequence[_Filter]) -> None:
        self._filters = tuple(filters)

    def __len__(self) -> int:
        return sum(one.items for one in self._filters)

    @classmethod
    def build(cls, texts: Iterable[str], rate: float = RATE) -> Passages:
        """A filter of the passages of `texts`. Raises ValueError for a rate outside (0, 1)."""
        if not 0 < rate < 1:
            raise ValueError("rate must lie between 0 and 1")
        parts: list[Words] = []
        for text in texts:
            found = units(text)
            for kind in (0, 1):
                grams, counts = _grams(found, kind)
                if len(kept := grams[::STEP][counts[::STEP]]):
                    parts.append(kept)
        keys = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
        probes = max(1, round(-math.log2(rate)))
        size = max(8, math.ceil(len(keys) * probes / math.log(2) / 8) * 8)
        bits = np.zeros(size, np.bool_)
        for place in _places(keys, size, probes):
            bits[place] = True
        return cls([_Filter(np.packbits(bits, bitorder="little"), size, probes, len(keys))])

    def __or__(self, other: Passages) -> Passages:
        """What either holds."""
        return Passages([*self._filters, *other._filters])

    def copies(self, text: str, prompt: str = "") -> bool:
        """Whether `text` holds a passage of a text of the filter that does not stand in `prompt`."""
        found, given = units(text), units(prompt)
        for kind, length in ((0, CHARACTERS), (1, WORDS)):
            grams, counts = _grams(found, kind)
            hits = self._holds(grams) & counts
            if not hits.any():
                continue
            values = found.words if kind else found.characters
            windows = _hashes(values, length, 2 + kind)
            touched = _sums(hits, STEP)[: len(windows)] > 0
            if kind == 0:
                touched &= _sums(found.han, length)[: len(windows)] >= CHARACTERS // 2
            asked = _hashes(given.words if kind else given.characters, length, 2 + kind)
            if (touched & ~np.isin(windows, asked)).any():
                return True
        return False

    def share(self, text: str) -> float:
        """The longest passage of `text` that the filter knows, as a share of the text, in [0, 1].

        Runs shorter than an n-gram are not seen, and a run's ends not to the letter.
        """
        found = units(text)
        best = 0.0
        for kind, total in ((0, len(found.characters)), (1, len(found.words))):
            grams, counts = _grams(found, kind)
            run = np.zeros(len(grams) + STEP, np.int64)
            for place in map(int, np.flatnonzero(self._holds(grams) & counts)):
                run[place + STEP] = run[place] + 1
            if longest := int(run.max(initial=0)):
                best = max(best, min(1.0, (_SIZES[kind] + STEP * (longest - 1)) / total))
        return best

    def _holds(self, keys: Words) -> Flags:
        found = np.zeros(len(keys), np.bool_)
        for one in self._filters:
            found |= one.holds(keys)
        return found

    def save(self, path: Path) -> None:
        """One .npy file that `load` maps into memory."""
        parts = []
        for one in self._filters:
            header = np.array([_MAGIC, one.size, one.probes, one.items], "<u8")
            parts += [header.view(np.uint8), one.bits]
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.save(file, np.concatenate(parts), allow_pickle=False)
        os.replace(fresh, path)  # a process may have the old one mapped

    @classmethod
    def load(cls, path: Path) -> Passages:
        """Maps the file: processes share its pages. Raises ValueError for another kind of file."""
        content = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        if content.dtype != np.uint8 or content.ndim != 1:
            raise ValueError(f"{path} is not a filter of passages")
        filters = []
        while len(content):
            if len(content) < 8 * _HEADER:
                raise ValueError(f"{path} is not a filter of passages, or was cut short")
            magic, size, probes, items = (int(word) for word in content[: 8 * _HEADER].view("<u8"))
            content = content[8 * _HEADER :]
            if magic != _MAGIC or size % 8 or size // 8 > len(content):
                raise ValueError(f"{path} is not a filter of passages, or was cut short")
            filters.append(_Filter(content[: size // 8], size, probes, items))
            content = content[size // 8 :]
        return cls(filters)


def of_corpus(files: Sequence[Path], config: CorpusConfig) -> Iterator[str]:
    """The third-party texts that a model of `config` learns to write from `files`, no text twice.

    Targets only: a decoder learns nothing of the contexts it is shown. Longer ones than training takes
    are left out where that is sure without a vocabulary.
    """
    seen: set[int] = set()
    for file in files:
        if not corpus.is_third_party(file.name.split(".")[0]):
            continue
        for example in corpus.examples(file, config):
            text = example.target
            least = len(_LATIN_WORD.findall(text)) + sum("㐀" <= c <= "鿿" for c in text)
            if least <= (example.longest or config.longest) and (key := hash(text)) not in seen:
                seen.add(key)
                yield text


def keep(before: Path, folder: Path) -> None:
    """What the checkpoint in `before` must not repeat, `folder`'s must not either."""
    if not ((before / FILE).exists() and (folder / FILE).exists()):
        return
    known, here = Passages.load(before / FILE), Passages.load(folder / FILE)
    lacking = [one for one in known._filters if not any(_same(one, other) for other in here._filters)]
    if lacking:
        (here | Passages(lacking)).save(folder / FILE)


def _same(one: _Filter, other: _Filter) -> bool:
    return one.size == other.size and np.array_equal(one.bits, other.bits)


def build(files: Sequence[Path], config: CorpusConfig, folder: Path, *, before: Path | None = None) -> int:
    """Write `folder`/passages.npy and return how many n-grams it holds; 0 and no file where there is none.

    `before`: the folder of the checkpoint that training started from, whose passages stay forbidden.
    """
    found = Passages.build(of_corpus(files, config))
    if before is not None and (before / FILE).exists():
        known = Passages.load(before / FILE)
        found = found | known if len(found) else known
    if len(found):
        found.save(folder / FILE)
    return len(found)
