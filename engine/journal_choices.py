"""Replies with all their drafts and the probability of the one sent, for the gate.

A function on a Journal: choices(journal, since, most, tasks). Nothing here holds requests' words: drafts are
read without passages copied from requests.

Knows: how a logged reply tells what was not sent. Does not know: judgements, models.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Mapping
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
    rows = journal._db.execute(
        f"SELECT person, body, {COLUMNS} FROM generations WHERE at >= ? AND origin NOT IN ('fixed', 'extract')",
        (since,),
    )
    kept: list[tuple[int, str, LoggedChoice]] = []
    for person, body, *columns in rows:
        beside = Beside(*columns)
        name, task = beside.generation, beside.task
        if task not in tasks:
            continue
        order = -int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest())
        if len(kept) == most and order <= kept[0][0]:
            continue
        reply = unpacked(body, beside)
        drafts = reply.drafts
        if len(drafts) < 2 or not 0 < reply.propensity <= 1:
            continue
        found = LoggedChoice(
            name,
            task,
            person,
            tuple(draft.own_text for draft in drafts),
            tuple(draft.scores.get("judge", draft.score) for draft in drafts),
            tuple(draft.scores for draft in drafts),
            reply.chosen,
            reply.propensity,
        )
        (heapq.heappushpop if len(kept) == most else heapq.heappush)(kept, (order, name, found))
    return [found for _, _, found in sorted(kept, key=lambda one: one[1])]
