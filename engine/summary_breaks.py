"""What speaks for a new conversation at a message: pauses, turns of speech, words that are new.

Knows: what stands before and after each message of a `Log`, with and without the messages that say nothing.
Does not know: how much each signal weighs, which messages belong together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from engine.summary_log import Labels, Log, unit_rows
from engine.summary_signals import Numbers
from engine.summary_units import cues

_CUES = {name: re.compile(cue, re.IGNORECASE) for name, cue in cues()["threads"].items()}

NEAR = (
    "gap",
    "gap_of_usual",
    "gap_3",
    "gap_7",
    "at_once",
    "shift",
    "asks",
    "short",
    "short_before",
    "terms",
    "reply",
    "agrees",
    "agrees_before",
    "author_near",
    "author_before",
    "mentions_near",
    "likest",
    "likest_grams",
    "block",
    "block_grams",
    "asked_before",
    "replied_across",
    "words_2",
    "words_4",
    "words_8",
    "latent_2",
    "latent_5",
)
SAID = (
    "pause",
    "pause_3",
    "pause_7",
    "pause_15",
    "among_3_gaps",
    "among_6_gaps",
    "rank_of_gap",
    "gap_after",
    "gaps_before",
    "gap_beside_before",
    "empty",
    "empty_before",
    "emptiness_before",
    "company",
    "author_new",
    "author_silent",
    "next_author_near",
    "goes_on",
    "notice",
    "opens",
    "closes_before",
    "closes",
    "returns",
    "new_words",
    "new_words_after",
    "words_return",
    "words_return_after",
    "forward",
    "forward_words",
    "meaning",
    "meaning_2",
    "meaning_4",
    "said_4",
    "said_3",
    "spoken_4",
    "latent_4",
    "answered",
    "names_near",
    "length_25",
    "length_50",
    "length",
    "asks_after_pause",
    "gap_said",
    "gap_new_words",
    "pause_author_new",
    "new_words_long",
)
BOUNDARY = (*NEAR, *SAID)
Rows = Sequence[int] | Labels
_UNKNOWN = 20  # messages since an author's last one who has not spoken before


def boundaries(log: Log) -> Numbers:
    """(N, BOUNDARY): what speaks for a new conversation at each message; nothing at the first."""
    count = len(log.messages)
    table = np.zeros((count, len(BOUNDARY)))
    usual = float(np.median(log.gaps[1:])) + 0.5 if count > 1 else 1.0
    said = _Said(log)
    for row in range(1, count):
        table[row] = [*_near(log, row, usual), *said.values(row)]
    return table


def _near(log: Log, row: int, usual: float) -> list[float]:
    count = len(log.messages)
    before, after = slice(max(0, row - 6), row), slice(row, min(count, row + 4))
    gap = float(log.gaps[row])
    across = any(
        parent is not None and before.start <= parent < row
        for parent in log.parents[after.start : after.stop]
    )
    return [
        math.log1p(gap),
        min(gap / usual, 10) / 5,
        gap >= 3,
        gap >= 7,
        gap == 0,
        bool(_CUES["shift"].search(log.messages[row].text)),
        log.asks[row],
        log.short[row],
        log.short[row - 1],
        min(len(log.bags[row]), 20) / 8,
        log.parents[row] is not None,
        log.agrees[row],
        log.agrees[row - 1],
        log.authors[row] in log.authors[max(0, row - 3) : row],
        log.authors[row] == log.authors[row - 1],
        bool(log.mentions[max(0, row - 4) : row, row].any()),
        log.likeness[row, before].max(),
        log.grams[row, before].max(),
        log.likeness[before, after].max(),
        log.grams[before, after].max(),
        log.asks[row - 1] and log.authors[row] != log.authors[row - 1],
        across,
        _across(log.words, range(row - 2, row), range(row, row + 2)),
        _across(log.words, range(row - 4, row), range(row, row + 3)),
        _across(log.words, range(row - 8, row), range(row, row + 4)),
        _across(log.latents, range(row - 2, row), range(row, row + 2)),
        _across(log.latents, range(row - 5, row), range(row, row + 3)),
    ]


class _Said:
    """The signals that look past messages that say nothing."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sorted = np.sort(log.gaps)
        self._full = np.flatnonzero(~log.empty)
        self._has = log.weights > 0

    def values(self, row: int) -> list[float]:
        log, count = self._log, len(self._log.messages)
        text = log.messages[row].text
        here = int(np.searchsorted(self._full, row))
        before = self._full[:here][::-1][:12]  # the nearest first
        after = self._full[here : here + 4]
        after = after[after < row + 8]
        last = int(before[0]) if len(before) else row - 1
        gap, pause = float(log.gaps[row]), float(log.minutes[row] - log.minutes[last])
        earlier = log.gaps[max(1, row - 4) : row]
        earlier_more = log.gaps[max(1, row - 5) : row]
        company, joining = set(log.writers[max(0, row - 4) : row]), set(log.writers[row : row + 4])
        newcomer = log.writers[row] not in company
        own = np.flatnonzero(log.writers[:row] == log.writers[row])
        new, new_after, returned, returned_after = self._words(row, before, after)
        asks = log.asks[row]
        return [
            math.log1p(pause),
            pause >= 3,
            pause >= 7,
            pause >= 15,
            count > 6 and gap >= float(self._sorted[-3]),
            count > 12 and gap >= float(self._sorted[-6]),
            float(np.searchsorted(self._sorted, gap, "right")) / count,
            math.log1p(log.gaps[row + 1] if row + 1 < count else 5.0),
            math.log1p(float(earlier.mean()) if len(earlier) else 1.0),
            math.log1p(gap) - math.log1p(float(earlier_more.mean()) if len(earlier_more) else 1.0),
            bool(log.empty[row]),
            bool(log.empty[row - 1]),
            float(log.empty[max(0, row - 3) : row].mean()),
            len(company & joining) / len(company | joining),
            newcomer,
            math.log1p(row - int(own[-1]) if len(own) else _UNKNOWN),
            row + 1 < count and log.writers[row + 1] in company,
            bool(_CUES["goes_on"].search(text)),
            bool(_CUES["notice"].search(text)),
            bool(_CUES["opens"].search(text)),
            bool(_CUES["closes"].search(log.messages[last].text)),
            bool(_CUES["closes"].search(text)),
            bool(_CUES["returns"].search(text)),
            new,
            new_after,
            returned,
            returned_after,
            _across(log.weights, [row], after[1:]) - _across(log.weights, [row], before[:4]),
            _across(log.words, [row], after[1:]) - _across(log.words, [row], before[:4]),
            _across(log.meanings, [row], [last]),
            _across(log.meanings, before[:3], after[:2]),
            _across(log.meanings, before[:6], after),
            _across(log.weights, before[:6], after),
            _across(log.weights, before[:3], after[:3]),
            _across(log.words, before[:6], after),
            _across(log.latents, before[:6], after),
            any(parent == row for parent in log.parents[row + 1 : row + 8]),
            bool(log.mentions[max(0, row - 6) : row, row].any()),
            len(text) > 25,
            len(text) > 50,
            min(len(text), 100) / 100,
            asks * (pause / 10 if pause < 20 else 2.0),
            math.log1p(gap) * (not log.empty[row]),
            math.log1p(gap) * new,
            math.log1p(pause) * newcomer,
            new_after * (not log.short[row]),
        ]

    def _words(self, row: int, before: Labels, after: Labels) -> tuple[float, float, float, float]:
        """Shares of words here and from here on that were not just said; how many were said long ago."""
        weights, has = self._log.weights, self._has
        just = has[before].any(0) if len(before) else np.zeros(has.shape[1], bool)
        ever = has[: before[-1]].any(0) if len(before) else np.zeros(has.shape[1], bool)
        own = has[row]
        following = has[after].any(0) if len(after) else own
        most = weights[after].max(0) if len(after) else weights[row]
        long_ago = ever & ~just
        return (
            float((own & ~just).sum() / own.sum()) if own.any() else 0.0,
            float(most[following & ~just].sum() / max(most[following].sum(), 1e-9)) if len(after) else 0.0,
            min(float(weights[row][own & long_ago].sum()) / 5, 2.0),
            min(float((following & long_ago).sum()) / 5, 1.0),
        )


def _across(vectors: Numbers | None, before: Rows, after: Rows) -> float:
    """Cosine of the sums of these rows; rows that are not there count for nothing."""
    if vectors is None:
        return 0.0
    rows = [[row for row in some if 0 <= row < len(vectors)] for some in (before, after)]
    if not all(rows):
        return 0.0
    sums = unit_rows(np.stack([vectors[some].sum(0) for some in rows]))
    return float(sums[0] @ sums[1])
