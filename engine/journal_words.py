"""Whose words a kept request holds besides those of the person who asked, so that they go with each of them.

    voices    a row a kept request and person; it goes with the request's words (a trigger)

Knows: that table, that a request may hold what another one held (asked once more, or quoted by a reply that
copied from it). Does not know: how long words are kept, who is left out of it (`engine.journal`), Discord.

Of words kept before there was this table nobody knows whose they are: what is forgotten goes by the channel
as well.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlite_utils import Database

TABLES = (
    "CREATE TABLE voices (generation TEXT NOT NULL, person TEXT NOT NULL, "
    "PRIMARY KEY (generation, person)) WITHOUT ROWID",
    "CREATE INDEX voices_person ON voices (person)",
    "CREATE TRIGGER words_go AFTER DELETE ON words BEGIN "
    "DELETE FROM voices WHERE generation = OLD.generation; END",
)
"""As step 0010 makes them; nothing here is edited once released."""

HELD = (
    "SELECT generation FROM voices WHERE person = :who UNION ALL "
    "SELECT id FROM generations WHERE person = :who UNION ALL "
    "SELECT id FROM generations WHERE channel <> '' "
    "AND channel IN (SELECT channel FROM generations WHERE person = :who)"
)
"""The replies whose requests hold or may hold words of the person whose hash is `who`: those that say so,
those written for them, and all in channels where they asked: their words may stand in the context there."""


def voices_of(db: Database, generations: Collection[str]) -> set[str]:
    """Hashes of the people whose words stand in the kept requests of these replies, their own among them."""
    if not generations:
        return set()
    marks = ", ".join("?" * len(generations))
    rows = db.execute(
        f"SELECT person FROM voices WHERE generation IN ({marks}) "
        f"UNION SELECT person FROM generations WHERE id IN ({marks})",
        (*generations, *generations),
    )
    return {row[0] for row in rows}


def all_there(db: Database, generations: Collection[str], now: float) -> bool:
    """Whether the words of every one of these replies' requests are kept still: if not, nobody knows any more
    whose words stand in what was taken from them."""
    if not generations:
        return True
    marks = ", ".join("?" * len(set(generations)))
    sql = f"SELECT count(*) FROM words WHERE expires > ? AND generation IN ({marks})"
    return bool(db.execute(sql, (now, *set(generations))).fetchone()[0] == len(set(generations)))


def forgettings_in(db: Database) -> tuple[object, ...]:
    """Changes whenever somebody, or a server, was forgotten, here or in a journal that was united with this
    one. What went for its age alone changes nothing."""
    found: tuple[object, ...] = db.execute(
        "SELECT (SELECT max(rowid) FROM erased), (SELECT max(id) FROM deletions WHERE why <> 'age')"
    ).fetchone()
    return found


def note_voices(db: Database, generation: str, people: Collection[str]) -> None:
    """The request of this reply holds words of these people (hashes) as well."""
    rows = [(generation, person) for person in sorted(people)]
    db.conn.executemany("INSERT INTO voices (generation, person) VALUES (?, ?)", rows)


def all_let_keep(db: Database, people: Collection[str]) -> bool:
    """Whether none of these people (hashes) asked for nothing to be kept."""
    if not people:
        return True
    marks = ", ".join("?" * len(people))
    refusals = db.execute(f"SELECT 1 FROM people WHERE keep = 0 AND person IN ({marks}) LIMIT 1", [*people])
    return refusals.fetchone() is None
