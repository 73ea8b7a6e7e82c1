"""The counts of judgements as step 0008 of the schema made them: only for files on their way to today's.

Knows: tables and triggers that step 0009 replaces by those of `engine.tallies`, which says what they are for.
Does not know: anything of today's journal.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

MONDAY = 345_600
"""Seconds from 1970 to its first Monday, 00:00 UTC."""
WEEK = 604_800

WAYS = {
    "all": "''",
    "task": "g.task",
    "model": "g.model",
    "channel": "g.channel",
    "week": f"CAST((s.at - {MONDAY}) / {WEEK} AS INTEGER)",
    "origin": "g.origin",
    "reward": "g.reward_model",
}
"""How a judgement is looked at, and the name of its cell: SQL over a signal `s` and its generation `g`."""

_COUNTED = "s.value <> 0 AND s.kind <> 'review'"


def _noted(row: str) -> Iterator[str]:
    """Into `counting`: the cells that one person's judgement of one reply counts in."""
    names = ", ".join(f"{sql} AS by_{way}" for way, sql in WAYS.items())
    ways = " UNION ALL ".join(
        f"SELECT guild, '{way}', CAST(by_{way} AS TEXT), liked FROM one" for way in WAYS
    )
    # the signal in a query of its own: joined, SQLite would compute those of all replies
    signal = f"SELECT * FROM current_signals WHERE generation = {row}.generation AND person = {row}.person"
    yield (
        f"INSERT INTO counting (guild, by, name, liked) SELECT * FROM (WITH one AS MATERIALIZED (SELECT "
        f"g.guild, s.value > 0 AS liked, {names} FROM ({signal}) AS s "
        f"JOIN generations AS g ON g.id = {row}.generation WHERE {_COUNTED}) {ways})"
    )


def _put_in(row: str) -> Iterator[str]:
    yield from _noted(row)
    yield "INSERT OR IGNORE INTO cells (guild, by, name) SELECT guild, by, name FROM counting"
    yield from _found()
    yield f"INSERT OR IGNORE INTO tallies (cell, person) SELECT cell, {row}.person FROM counting"
    yield (
        "UPDATE cells SET people = people + (t.judged = 0), judged = cells.judged + 1, "
        "liked = cells.liked + t.now, judged2 = judged2 + 2 * t.judged + 1, "
        "both = both + t.judged * t.now + t.liked + t.now, liked2 = liked2 + t.now * (2 * t.liked + 1) "
        f"FROM ({_tally(row)}) AS t WHERE t.cell = cells.id"
    )
    yield (
        "UPDATE tallies SET judged = judged + 1, liked = tallies.liked + counting.liked FROM counting "
        f"WHERE tallies.cell = counting.cell AND tallies.person = {row}.person"
    )
    yield "DELETE FROM counting"


def _take_out(row: str) -> Iterator[str]:
    yield from _noted(row)
    yield from _found()
    yield (
        "UPDATE cells SET people = people - (t.judged = 1), judged = cells.judged - 1, "
        "liked = cells.liked - t.now, judged2 = judged2 - 2 * t.judged + 1, "
        "both = both - t.judged * t.now - t.liked + t.now, liked2 = liked2 - t.now * (2 * t.liked - 1) "
        f"FROM ({_tally(row)}) AS t WHERE t.cell = cells.id"
    )
    yield (
        "UPDATE tallies SET judged = judged - 1, liked = tallies.liked - counting.liked FROM counting "
        f"WHERE tallies.cell = counting.cell AND tallies.person = {row}.person"
    )
    yield (
        f"DELETE FROM tallies WHERE person = {row}.person AND judged = 0 "
        "AND cell IN (SELECT cell FROM counting)"
    )
    yield "DELETE FROM counting"


def _found() -> Iterator[str]:
    yield (
        "UPDATE counting SET cell = (SELECT id FROM cells WHERE cells.guild = counting.guild "
        "AND cells.by = counting.by AND cells.name = counting.name)"
    )


def _tally(row: str) -> str:
    return (
        "SELECT counting.cell, counting.liked AS now, tallies.judged, tallies.liked FROM counting "
        f"JOIN tallies ON tallies.cell = counting.cell AND tallies.person = {row}.person"
    )


def create(db: Database) -> None:
    """The tables, everything counted that stands, and the triggers. For a migration."""
    numbers = ("people", "judged", "liked", "judged2", "both", "liked2")
    columns = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in numbers)
    db.execute(
        "CREATE TABLE cells (id INTEGER PRIMARY KEY, guild TEXT NOT NULL, by TEXT NOT NULL, "
        f"name TEXT NOT NULL, {columns}, UNIQUE (guild, by, name))"
    )
    db.execute(
        "CREATE TABLE tallies (cell INTEGER NOT NULL REFERENCES cells (id), person TEXT NOT NULL, "
        "judged INTEGER NOT NULL DEFAULT 0, liked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (cell, person)) "
        "WITHOUT ROWID"
    )
    # what a trigger is about to count; empty outside of one
    db.execute("CREATE TABLE counting (guild TEXT, by TEXT, name TEXT, liked INTEGER, cell INTEGER)")
    count_anew(db)
    for when, work in (
        ("BEFORE INSERT", _take_out("NEW")),
        ("AFTER INSERT", _put_in("NEW")),
        ("BEFORE DELETE", _take_out("OLD")),
        ("AFTER DELETE", _put_in("OLD")),
    ):
        name = f"facts_counted_{when.lower().replace(' ', '_')}"
        db.execute(f"CREATE TRIGGER {name} {when} ON facts BEGIN {'; '.join(work)}; END")


def count_anew(db: Database) -> None:
    """Forget all counts and count everything that stands: after a change of what an emoji is worth."""
    db.execute("DELETE FROM tallies")
    db.execute("DELETE FROM cells")
    names = ", ".join(f"CAST({sql} AS TEXT) AS by_{way}" for way, sql in WAYS.items())
    db.execute(
        f"CREATE TEMP TABLE counted AS SELECT g.guild, s.person, s.value > 0 AS liked, {names} "
        f"FROM current_signals AS s JOIN generations AS g ON g.id = s.generation WHERE {_COUNTED}"
    )
    for way in WAYS:
        db.execute(
            f"CREATE TEMP TABLE per_person AS SELECT guild, by_{way} AS name, person, count(*) AS judged, "
            f"sum(liked) AS liked FROM counted GROUP BY guild, by_{way}, person"
        )
        db.execute(
            "INSERT INTO cells (guild, by, name, people, judged, liked, judged2, both, liked2) "
            f"SELECT guild, '{way}', name, count(*), sum(judged), sum(liked), sum(judged * judged), "
            "sum(judged * liked), sum(liked * liked) FROM per_person GROUP BY guild, name"
        )
        db.execute(
            "INSERT INTO tallies (cell, person, judged, liked) SELECT c.id, p.person, p.judged, p.liked "
            "FROM per_person AS p "
            f"JOIN cells AS c ON c.guild = p.guild AND c.by = '{way}' AND c.name = p.name "
            "ORDER BY c.id, p.person"  # as the table has them: many times faster
        )
        db.execute("DROP TABLE per_person")
    db.execute("DROP TABLE counted")
