"""Replies with all their drafts and the probability of the one sent, for the gate.

Functions on a Journal: choices(journal, since, most, tasks), values_of(journal, logged). Nothing here holds
requests' words: drafts are read without passages copied from requests.

Knows: how a logged reply tells what was not sent, what people said of it. Does not know: models, estimates.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from engine.journal import Journal
from engine.journal_body import COLUMNS, Beside, unpacked


@dataclass(frozen=True, slots=True)
class LoggedChoice:
    """One reply. `scores` are the judge's own of each draft, `parts` all that was known of each.

    `person` is the hash of who asked.
    """

    generation: str
    task: str
    person: str
    texts: tuple[str, ...]
    scores: tuple[float, ...]
    parts: tuple[Mapping[str, float], ...]
    chosen: int
    propensity: float


def choices(journal: Journal, since: float, most: int, tasks: Collection[str]) -> list[LoggedChoice]:
    """At most `most` replies written at `since` (seconds since 1970) or later that were chosen among drafts.

    `tasks`: those whose drafts are drawn. Where the best is always sent, its probability of 1 is none.
    Of more, those whose names come first in an order that has nothing to do with them; memory stays constant.
    """
    size = 2 * most
    while True:  # until enough of those that come first were chosen among drafts
        found = _first(journal, since, size, tasks)
        more: list[LoggedChoice] = []
        for number in found:
            if len(more) < most and (choice := _choice(journal, number)) is not None:
                more.append(choice)
        if len(more) == most or len(found) < size:
            return sorted(more, key=lambda one: one.generation)
        size *= 4


def _first(journal: Journal, since: float, size: int, tasks: Collection[str]) -> list[int]:
    """The numbers of at most so many replies, in an order that has nothing to do with them."""
    marks = ", ".join("?" * len(tasks))
    rows = journal._db.execute(
        "SELECT r.number, r.id FROM replies AS r JOIN sorts AS k ON k.number = r.sort "
        f"WHERE at >= ? AND origin NOT IN ('fixed', 'extract') AND task IN ({marks})",
        (since, *tasks),
    )
    kept: list[tuple[int, int]] = []
    for number, name in rows:
        order = -int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest())
        if len(kept) < size:
            heapq.heappush(kept, (order, number))
        elif order > kept[0][0]:
            heapq.heapreplace(kept, (order, number))
    return [number for _, number in sorted(kept, reverse=True)]


def _choice(journal: Journal, number: int) -> LoggedChoice | None:
    row = journal._row(f"SELECT person, body, {COLUMNS} FROM generations WHERE number = ?", (number,))
    if row is None:  # erased meanwhile
        return None
    beside = Beside(*row[2:])
    reply = unpacked(row[1], beside)
    if len(reply.drafts) < 2 or not 0 < reply.propensity <= 1:
        return None
    return LoggedChoice(
        beside.generation,
        beside.task,
        row[0],
        tuple(draft.own_text for draft in reply.drafts),
        tuple(draft.scores.get("judge", draft.score) for draft in reply.drafts),
        tuple(draft.scores for draft in reply.drafts),
        reply.chosen,
        reply.propensity,
    )


def values_of(journal: Journal, logged: Sequence[LoggedChoice]) -> dict[str, float]:
    """What people think of each judged reply: the mean of every judgement that stands and is not 0.

    All of them, whoever judged and however often the words came before: a reply whose judgements were passed
    over would count as one that nobody judged.
    """
    found = {}
    for one in logged:
        (value,) = journal._db.execute(
            "SELECT avg(value) FROM current_signals WHERE generation = ? AND value <> 0", (one.generation,)
        ).fetchone()
        if value is not None:
            found[one.generation] = float(value)
    return found
