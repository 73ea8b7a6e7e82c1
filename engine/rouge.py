"""ROUGE-1, ROUGE-2 and ROUGE-L as F-measures, for Chinese and English in one tokeniser.

Knows: Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries".
Does not know: where texts come from, stemming, several references.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+")


class Rouge(NamedTuple):
    """F-measures between 0 and 1."""

    one: float
    two: float
    longest: float


def tokens(text: str) -> list[str]:
    """Every Han character by itself, every other run of letters or digits in lower case."""
    return _TOKEN.findall(text.lower())


def rouge(candidate: str, reference: str) -> Rouge:
    ours, theirs = tokens(candidate), tokens(reference)
    common = _longest_common_subsequence(ours, theirs)
    return Rouge(
        _of_runs(ours, theirs, 1),
        _of_runs(ours, theirs, 2),
        _f_measure(common, len(ours), len(theirs)),
    )


def mean(scores: Sequence[Rouge]) -> Rouge:
    return Rouge(*(sum(column) / len(scores) for column in zip(*scores, strict=True)))


def _of_runs(ours: Sequence[str], theirs: Sequence[str], length: int) -> float:
    mine, other = (
        Counter(zip(*(some[start:] for start in range(length)), strict=False)) for some in (ours, theirs)
    )
    return _f_measure((mine & other).total(), mine.total(), other.total())


def _f_measure(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0


def _longest_common_subsequence(ours: Sequence[str], theirs: Sequence[str]) -> int:
    row = [0] * (len(theirs) + 1)
    for token in ours:
        corner = 0
        for column, other in enumerate(theirs, 1):
            above = row[column]
            row[column] = corner + 1 if token == other else max(above, row[column - 1])
            corner = above
    return row[-1]
