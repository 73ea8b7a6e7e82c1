"""What tuning reads of a journal with any number of judgements, in constant memory.

A function on a Journal: judged_sample(journal, most).

Knows: which of many judgements are taken. Does not know: what is learnt from them.
"""

from __future__ import annotations

import hashlib
import heapq
import json

from engine.journal import Journal
from engine.journal_rows import JudgedText

_AT_ONCE = 500


def judged_sample(journal: Journal, most: int) -> list[JudgedText]:
    """At most `most` standing judgements other than 0, in order of time.

    Of more, those whose reply and person come first in an order that has nothing to do with them: so the same
    ones are taken from one tuning to the next. Fixed sentences and extracts teach nothing and are left out,
    also from those taken; so a little fewer than `most` may come.
    """
    taken: list[tuple[int, int]] = []
    for sequence, generation, person in journal._db.execute(
        "SELECT sequence, generation, person FROM current_signals WHERE value <> 0"
    ):
        digest = hashlib.blake2b(f"{generation} {person}".encode(), digest_size=7).digest()
        order = -int.from_bytes(digest), sequence
        if len(taken) < most:
            heapq.heappush(taken, order)
        elif order > taken[0]:
            heapq.heapreplace(taken, order)
    numbers = sorted(sequence for _, sequence in taken)
    rows = []
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        rows += journal._db.execute(
            "SELECT generation, task, own_text, value, f.person, f.at, options, model, sequence "
            f"FROM facts AS f JOIN generations AS g ON g.id = generation WHERE sequence IN ({marks}) "
            "AND origin NOT IN ('fixed', 'extract') AND own_text <> ''",
            some,
        ).fetchall()
    rows.sort(key=lambda row: (row[5], row[8]))
    return [
        JudgedText(generation, task, text, value, person, at, json.loads(options), model)
        for generation, task, text, value, person, at, options, model, _ in rows
    ]
