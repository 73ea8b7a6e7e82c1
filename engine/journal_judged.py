"""What tuning reads of a journal with any number of judgements, in constant memory.

A function on a Journal: judged_sample(journal, most).

Knows: which of many judgements are taken. Does not know: what is learnt from them.
"""

from __future__ import annotations

import heapq
import json

from engine.journal import Journal
from engine.journal_rows import JudgedText

_BITS = 2**64 - 1


def judged_sample(journal: Journal, most: int) -> list[JudgedText]:
    """At most `most` standing judgements other than 0, in order of time.

    Of more, those whose reply and person come first in an order that has nothing to do with them: so the same
    ones are taken from one tuning to the next. Fixed sentences and extracts teach nothing and are left out,
    also from those taken; so a little fewer than `most` may come.
    """
    taken: list[tuple[int, int, int]] = []
    for reply, sequence, who in journal._db.execute(
        "SELECT generation, sequence, who FROM standing WHERE value <> 0"
    ):
        order = _shuffled(reply, who), reply, sequence
        if len(taken) < most:
            heapq.heappush(taken, order)
        elif order > taken[0]:
            heapq.heapreplace(taken, order)
    rows = [
        row
        for place in sorted(place for _, *place in taken)
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


def _shuffled(reply: int, who: int) -> int:
    """A number that depends on both in no simple way (as in splitmix64)."""
    mixed = (reply * 0x9E3779B97F4A7C15 + who * 0xC2B2AE3D27D4EB4F) & _BITS
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _BITS
    return mixed ^ mixed >> 31
