"""Likeness of texts by their letters: TF-IDF over character n-grams.

Knows: n-grams (1 to 3 with Han characters, 2 to 4 of other letters), their rarity, cosines.
Does not know: what the texts are, or what they mean (engine.meaning).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.text import simplify

_MIX = np.uint64(0x9E3779B97F4A7C15)
_PUNCTUATION = re.compile(r"[^\w\s]|_", re.UNICODE)

Codes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.float32]


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
        self.rows = rows[order].astype(np.uint16 if self.size <= 1 << 16 else np.int32)
        weights = np.repeat(self.rarity, np.diff(self.heads))
        norms = np.sqrt(np.bincount(self.rows, weights**2, minlength=self.size)).astype(np.float32)
        self.norms = np.maximum(norms, np.float32(1e-9))
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
            rows = self.rows[span]
            scores[rows] += self.rarity[place] / self.norms[rows] * (self.rarity[place] / norm)
        return scores
