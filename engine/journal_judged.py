"""What tuning reads of a journal with any number of judgements, in constant memory.

A function on a Journal: judged_sample(journal, most).

Knows: which of many judgements are taken. Does not know: what is learnt from them.
"""

from __future__ import annotations

import heapq
import json

from engine.journal import Journal
from engine.journal_rows import JudgedText

_PRIME = 2**31 - 1
_MIXED = f"((generation * 48271 + who * 16807) % {_PRIME})"
_PLACE = f"({_MIXED} * {_MIXED} % {_PRIME})"
"""Where a judgement stands in an order that has nothing to do with it, from 0 to below `_PRIME`. SQLite works
it out before anything else, so of the many that come too late nothing more is asked."""


def judged_sample(journal: Journal, most: int) -> list[JudgedText]:
    """At most `most` standing judgements other than 0, in order of time.

    Of more, those whose reply and person come first in an order that has nothing to do with them: so the same
    ones are taken from one tuning to the next. Fixed sentences and extracts teach nothing and are left out,
    also from those taken; so a little fewer than `most` may come.
    """
    rows = [
        row
        for _, *place in sorted(_first(journal, most), key=lambda one: one[1:])
        for row in journal._db.execute(
            "SELECT g.id, task, own_text, value, f.person, f.at, options, model, reply, sequence "
            "FROM facts AS f JOIN generations AS g ON g.number = reply WHERE reply = ? AND sequence = ? "
            "AND origin NOT IN ('fixed', 'extract') AND own_text <> ''",
            place,
        )
    ]
    rows.sort(key=lambda row: (row[5], *row[8:]))
    return [
        JudgedText(generation, task, text, value, person, at, json.loads(options), model)
        for generation, task, text, value, person, at, options, model, *_ in rows
    ]


def _first(journal: Journal, most: int) -> list[tuple[int, int, int]]:
    """The place in the order, the reply and the fact of those that come first."""
    signals = journal.counts().signals
    below = _PRIME
    if signals > 2 * most:
        below = _PRIME * 2 * most // signals  # about twice as many as are wanted
    while True:
        rows = journal._db.execute(
            f"SELECT {_PLACE}, generation, sequence FROM standing WHERE {_PLACE} < ? AND value <> 0", (below,)
        )
        taken = heapq.nsmallest(most, rows)
        if len(taken) == most or below == _PRIME:
            return taken
        below = min(_PRIME, 4 * below)
