"""Judgements counted as they come, so that a report over millions of them is a matter of milliseconds.

    cells     one row a server, a way to look at replies (`by`) and a name there: how many people judged,
              how often, how often they liked, and the sums of squares that an interval by person needs
    tallies   one row a cell and person: how often they judged and liked there; of the ways in `KEPT` alone
    sorts     how many judgements of any kind stand about a sort of reply; persons: how many of theirs do

Triggers on `judgements` keep them: before one comes or goes what its person thinks of its reply is taken
out, afterwards what they think then is put in. So whatever writes judgements (a button, a union, *forget
me*) leaves the counts right, in the same transaction. In cells reviews by moderators are not counted: they
see what is doubtful, which is no sample. Judgements worth 0 are none.

A sort is a task, model, origin and reward model together, so how often somebody judged under any of these
is a sum over their tallies of sorts: a few rows, which need not be kept again for each.

Knows: the tables, the triggers, how to count everything anew. Does not know: what a count means.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

MONDAY = 345_600
"""Seconds from 1970 to its first Monday, 00:00 UTC."""
WEEK = 604_800

SORT = "sort"
WAYS = {
    "all": "''",
    "task": "k.task",
    "model": "k.model",
    "channel": "l.channel",
    "week": f"CAST((s.at - {MONDAY}) / {WEEK} AS INTEGER)",
    "origin": "k.origin",
    "reward": "k.reward_model",
    SORT: "k.number",
}
"""How a judgement is looked at, and the name of its cell: SQL over what stands `s`, its reply's sort `k` and
place `l`. A report leaves `SORT` out, which is a number in this file."""
KEPT = ("channel", "week", SORT)
_SUMMED = {way: sql for way, sql in WAYS.items() if way not in KEPT}

_JOINED = (
    "JOIN replies AS r ON r.number = s.generation JOIN sorts AS k ON k.number = r.sort "
    "JOIN places AS l ON l.number = r.place"
)
_COUNTED = "s.value <> 0 AND s.kind <> 2"  # a review
_NUMBERS = ("people", "judged", "liked", "judged2", "both", "liked2")
_TIMES = (
    ("BEFORE INSERT", "NEW", "-"),
    ("AFTER INSERT", "NEW", "+"),
    ("BEFORE DELETE", "OLD", "-"),
    ("AFTER DELETE", "OLD", "+"),
)


def _noted(row: str) -> Iterator[str]:
    """Into `counting`: the cells that one person's judgement of one reply counts in, and what the person's
    judgements there come to without it or before it."""
    names = ", ".join(f"{sql} AS by_{way}" for way, sql in WAYS.items())
    ways = " UNION ALL ".join(
        f"SELECT guild, '{way}', CAST(by_{way} AS TEXT), liked FROM one" for way in WAYS
    )
    yield (
        "INSERT INTO counting (guild, by, name, liked) SELECT * FROM (WITH one AS MATERIALIZED ("
        f"SELECT l.guild, s.value > 0 AS liked, {names} FROM standing AS s {_JOINED} "
        f"WHERE s.generation = {row}.generation AND s.who = {row}.who AND {_COUNTED}) {ways})"
    )
    yield "INSERT OR IGNORE INTO cells (guild, by, name) SELECT guild, by, name FROM counting"
    yield (
        "UPDATE counting SET cell = (SELECT id FROM cells WHERE cells.guild = counting.guild "
        "AND cells.by = counting.by AND cells.name = counting.name)"
    )
    kept = ", ".join(f"'{way}'" for way in KEPT)
    sums = "coalesce(sum(t.judged), 0), coalesce(sum(t.liked), 0)"
    yield (
        f"UPDATE counting SET (judged, had) = (SELECT {sums} FROM tallies AS t "
        f"WHERE t.cell = counting.cell AND t.who = {row}.who) WHERE by IN ({kept})"
    )
    name = " ".join(f"WHEN '{way}' THEN {sql}" for way, sql in _SUMMED.items())
    yield (
        f"UPDATE counting SET (judged, had) = (SELECT {sums} FROM cells AS c "
        f"CROSS JOIN tallies AS t ON t.cell = c.id AND t.who = {row}.who "
        "CROSS JOIN sorts AS k ON k.number = CAST(c.name AS INTEGER) "
        f"WHERE c.guild = counting.guild AND c.by = '{SORT}' "
        f"AND CASE counting.by {name} END = counting.name) WHERE by NOT IN ({kept})"
    )


def _put_in(row: str) -> Iterator[str]:
    yield from _noted(row)
    yield (
        "UPDATE cells SET people = people + (t.judged = 0), judged = cells.judged + 1, "
        "liked = cells.liked + t.liked, judged2 = judged2 + 2 * t.judged + 1, "
        "both = both + t.judged * t.liked + t.had + t.liked, liked2 = liked2 + t.liked * (2 * t.had + 1) "
        "FROM counting AS t WHERE t.cell = cells.id"
    )
    kept = ", ".join(f"'{way}'" for way in KEPT)
    yield (
        f"INSERT INTO tallies (cell, who, judged, liked) SELECT cell, {row}.who, 1, liked FROM counting "
        f"WHERE by IN ({kept}) ON CONFLICT (cell, who) DO UPDATE SET judged = judged + 1, "
        "liked = liked + excluded.liked"
    )


def _take_out(row: str) -> Iterator[str]:
    yield from _noted(row)
    yield (
        "UPDATE cells SET people = people - (t.judged = 1), judged = cells.judged - 1, "
        "liked = cells.liked - t.liked, judged2 = judged2 - 2 * t.judged + 1, "
        "both = both - t.judged * t.liked - t.had + t.liked, liked2 = liked2 - t.liked * (2 * t.had - 1) "
        "FROM counting AS t WHERE t.cell = cells.id"
    )
    yield (
        "UPDATE tallies SET judged = tallies.judged - 1, liked = tallies.liked - c.liked "
        f"FROM counting AS c WHERE tallies.cell = c.cell AND tallies.who = {row}.who"
    )
    yield (
        f"DELETE FROM tallies WHERE who = {row}.who AND judged = 0 AND cell IN (SELECT cell FROM counting)"
    )


def _any_kind(row: str, sign: str) -> Iterator[str]:
    """Of every kind: how many stand about this sort of reply, and how many of this person's."""
    stands = f"FROM standing WHERE generation = {row}.generation AND who = {row}.who"
    yield (
        f"UPDATE sorts SET signals = signals {sign} 1, likes = likes {sign} (s.value > 0), "
        f"dislikes = dislikes {sign} (s.value < 0) FROM (SELECT value {stands}) AS s "
        f"WHERE number = (SELECT sort FROM replies WHERE number = {row}.generation)"
    )
    yield (
        f"UPDATE persons SET judged = judged {sign} 1 WHERE number = {row}.who AND EXISTS (SELECT 1 {stands})"
    )


def create(db: Database) -> None:
    """The tables, empty. For a migration."""
    columns = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in _NUMBERS)
    db.execute(
        "CREATE TABLE cells (id INTEGER PRIMARY KEY, guild TEXT NOT NULL, by TEXT NOT NULL, "
        f"name TEXT NOT NULL, {columns}, UNIQUE (guild, by, name))"
    )
    db.execute(
        "CREATE TABLE tallies (cell INTEGER NOT NULL REFERENCES cells (id), who INTEGER NOT NULL, "
        "judged INTEGER NOT NULL, liked INTEGER NOT NULL, PRIMARY KEY (cell, who)) WITHOUT ROWID"
    )
    # what a trigger is about to count; empty outside of one
    db.execute(
        "CREATE TABLE counting (guild TEXT, by TEXT, name TEXT, liked INTEGER, cell INTEGER, "
        "judged INTEGER, had INTEGER)"
    )


def create_triggers(db: Database) -> None:
    for when, row, sign in _TIMES:
        work = [*_any_kind(row, sign), *(_put_in if sign == "+" else _take_out)(row), "DELETE FROM counting"]
        name = f"judgements_counted_{when.lower().replace(' ', '_')}"
        db.execute(f"CREATE TRIGGER {name} {when} ON judgements BEGIN {'; '.join(work)}; END")


def count_anew(db: Database) -> None:
    """Forget all counts and count everything that stands: after a change of what an emoji is worth."""
    db.execute("DELETE FROM tallies")
    db.execute("DELETE FROM cells")
    names = ", ".join(f"CAST({sql} AS TEXT) AS by_{way}" for way, sql in WAYS.items())
    db.execute(
        "CREATE TEMP TABLE counted AS SELECT l.guild, s.who, s.value, k.number AS sort, "
        f"{_COUNTED} AS counts, s.value > 0 AS liked, {names} FROM standing AS s {_JOINED}"
    )
    db.execute(
        "UPDATE sorts SET signals = c.signals, likes = c.likes, dislikes = c.dislikes FROM (SELECT k.number, "
        "count(c.sort) AS signals, coalesce(sum(c.value > 0), 0) AS likes, "
        "coalesce(sum(c.value < 0), 0) AS dislikes FROM sorts AS k LEFT JOIN (SELECT * FROM counted) AS c "
        "ON c.sort = k.number GROUP BY k.number) AS c WHERE sorts.number = c.number"
    )
    db.execute("UPDATE persons SET judged = 0")
    db.execute(
        "UPDATE persons SET judged = c.judged "
        "FROM (SELECT who, count(*) AS judged FROM counted GROUP BY who) AS c WHERE persons.number = c.who"
    )
    for way in WAYS:
        db.execute(
            f"CREATE TEMP TABLE per_person AS SELECT guild, by_{way} AS name, who, count(*) AS judged, "
            f"sum(liked) AS liked FROM counted WHERE counts GROUP BY guild, by_{way}, who"
        )
        db.execute(
            "INSERT INTO cells (guild, by, name, people, judged, liked, judged2, both, liked2) "
            f"SELECT guild, '{way}', name, count(*), sum(judged), sum(liked), sum(judged * judged), "
            "sum(judged * liked), sum(liked * liked) FROM per_person GROUP BY guild, name"
        )
        if way in KEPT:
            db.execute(
                "INSERT INTO tallies (cell, who, judged, liked) SELECT c.id, p.who, p.judged, p.liked "
                "FROM per_person AS p "
                f"JOIN cells AS c ON c.guild = p.guild AND c.by = '{way}' AND c.name = p.name "
                "ORDER BY c.id, p.who"  # as the table has them: many times faster
            )
        db.execute("DROP TABLE per_person")
    db.execute("DROP TABLE counted")
