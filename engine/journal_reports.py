"""What people reported, for those who look after a server and for the owner.

Knows: which reports stand, about which reply, where it can be read. Does not know: Discord, who is shown
them, how they are worded. Nobody who reported is told of here, not even as a hash.

A report stands until it is taken back, its reply is deleted in Discord, or one of the two is forgotten.

Functions on a Journal, called as its methods are: await journal(reports, most=20).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.journal import Journal
from engine.journal_tables import KINDS, NEWEST_MESSAGE

REPORT = "report"
"""The label of a report among a person's judgements."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was reported about one reply.

    `at`: the newest report, seconds since 1970. `reasons`: what each person ticked and wrote, newest
    first. `own_text`: the reply without passages of people's own. `channel` and `message`: ids where it
    can be read, "" where they are not known.
    """

    generation: str
    task: str
    at: float
    reasons: tuple[str, ...]
    own_text: str
    channel: str = ""
    message: str = ""


def reports(
    journal: Journal, guild: str | None = None, channels: Collection[str] = (), most: int = 100
) -> tuple[Report, ...]:
    """The replies with standing reports, the newest report first; of one server, or of all (None).

    `channels`: ids of channels as they are today, of which the journal knows only hashes.
    """
    known = {journal._hash("channel", channel): channel for channel in channels}
    newest = (
        "SELECT generation, reason, at, withdrawn, max(sequence) AS sequence FROM judgements "
        f"WHERE label = '{REPORT}' AND kind = {KINDS.index('button')} GROUP BY generation, who"
    )
    rows = journal._db.execute(
        "SELECT generations.id, task, channel, own_text, coalesce(report.reason, ''), report.at, "
        f"{NEWEST_MESSAGE} "
        f"FROM ({newest}) AS report JOIN generations ON number = report.generation "
        "WHERE report.withdrawn = 0 AND (:guild IS NULL OR guild = :guild) "
        "ORDER BY report.at DESC, number DESC, report.sequence DESC",
        {"guild": None if guild is None else journal._hash("guild", guild)},
    )
    found: dict[str, Report] = {}
    for generation, task, channel, own_text, reason, at, message in rows:
        first = found.get(generation)
        if first is None:
            if len(found) == most:
                break
            where = known.get(channel, "")
            found[generation] = Report(generation, task, at, (reason,), own_text, where, message or "")
        else:
            found[generation] = Report(
                generation, task, first.at, (*first.reasons, reason), own_text, first.channel, first.message
            )
    return tuple(found.values())
