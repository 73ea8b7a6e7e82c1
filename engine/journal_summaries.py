"""What the journal holds for summaries: who is left out of them, and when digests were due and sent.

Knows: that a moderator may leave a member out and that who wants nothing kept is left out as well; how one
digest is written once by whichever process comes first, even where that one dies over it.
Does not know: Discord, schedules (`engine.guild_settings`), a word of any summary.

Functions on a Journal, called as its methods are: await journal(silent_in, guild, people).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from engine.journal import Journal

LOST = 900.0
"""Seconds after which a process that took a digest and has not said that it was sent is taken for dead."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A digest that is the caller's to write. `previous`: when the last one that was sent was due, 0 for
    none. `again`: somebody took it before and may have written it."""

    previous: int
    again: bool


def leave_out(journal: Journal, guild: str, people: Collection[str], out: bool) -> None:
    """From now on summaries in a server leave these members out, or read them again."""
    now = journal._clock()
    with journal._writing():
        for person in people:
            row = {
                "guild": journal._hash("guild", guild),
                "person": journal._hash("person", person),
                "out": int(out),
                "at": now,
            }
            journal._db.table("left_out").upsert(row, pk=("guild", "person"))


def left_out(journal: Journal, guild: str) -> int:
    """How many members the moderators of a server leave out."""
    row = journal._row(
        "SELECT count(*) FROM left_out WHERE guild = ? AND out = 1", (journal._hash("guild", guild),)
    )
    return 0 if row is None else int(row[0])


def silent_in(journal: Journal, guild: str, people: Collection[str]) -> frozenset[str]:
    """Those of the people whom no summary in a server reads: left out by its moderators, or by their own
    wish that nothing be kept. `guild` "" is a direct message."""
    rows = journal._db.execute(
        "SELECT person FROM left_out WHERE guild = ? AND out = 1 "
        "UNION SELECT person FROM people WHERE keep = 0",
        (journal._hash("guild", guild),),
    )
    silent = {row[0] for row in rows}
    return frozenset(each for each in people if silent and journal._hash("person", each) in silent)


def begin_digests(journal: Journal, guild: str, due: int) -> None:
    """Digests of a server begin after `due`: what was due then or before is not made up for."""
    row = {"guild": journal._hash("guild", guild), "due": due, "previous": due}
    now = journal._clock()
    with journal._writing():
        journal._db.table("digests").upsert({**row, "claimed": now, "sent": now}, pk="guild")


def claim_digest(journal: Journal, guild: str, due: int) -> Claim | None:
    """Take the digest that was due then. None: it was sent, or somebody else is writing it."""
    who, now = journal._hash("guild", guild), journal._clock()
    if not _is_open(journal, who, due, now):
        return None
    with journal._writing():
        if not _is_open(journal, who, due, now):  # another process was faster
            return None
        row = journal._row("SELECT due, previous FROM digests WHERE guild = ?", (who,))
        last, previous = (0, 0) if row is None else row
        taken = {"guild": who, "due": due, "previous": previous, "claimed": now, "sent": 0.0}
        journal._db.table("digests").upsert(taken, pk="guild")
    return Claim(int(previous), last == due)


def _is_open(journal: Journal, who: str, due: int, now: float) -> bool:
    row = journal._row("SELECT due, claimed, sent FROM digests WHERE guild = ?", (who,))
    if row is None or row[0] < due:
        return True
    return bool(row[0] == due and not row[2] and now - row[1] >= LOST)


def digest_sent(journal: Journal, guild: str, due: int) -> None:
    """The digest that was due then stands in its channel."""
    journal._write(
        "UPDATE digests SET sent = ?, previous = due WHERE guild = ? AND due = ?",
        (journal._clock(), journal._hash("guild", guild), due),
    )
