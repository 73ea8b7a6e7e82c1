"""Replies that a recount adds nothing to, because somebody was forgotten or wanted nothing kept there.

    closed    a row a reply, and of nobody; it goes with the reply (a trigger)

What a reply's messages show does not say when it was done: the reactions of somebody who was forgotten
stand there still, and reading them again would bring back what they had erased. Who they were may not be
remembered; that somebody was may be. So a recount adds nothing to any reply from before the latest time that
a person was forgotten, whoever judged it: a missed vote of others less, rather than one that was to be gone.
What people do from then on is told as it happens, and counts.

Knows: that table, what closes a reply, who may be added by a recount. Does not know: Discord, how a recount
is made (`engine.journal_guilds`).
"""

from __future__ import annotations

from sqlite_utils import Database


def create(db: Database) -> None:
    """The table, as step 0012 makes it; neither it nor the trigger is edited once released."""
    db.execute("CREATE TABLE closed (generation INTEGER PRIMARY KEY)")


def create_trigger(db: Database) -> None:
    db.execute(
        "CREATE TRIGGER closed_goes AFTER DELETE ON replies BEGIN "
        "DELETE FROM closed WHERE generation = OLD.number; END"
    )


def close_judged(db: Database, person: str) -> None:
    """Those that the person of this hash judged, while the facts still say which."""
    db.execute(
        "INSERT OR IGNORE INTO closed SELECT DISTINCT generation FROM judgements "
        "WHERE who = (SELECT number FROM persons WHERE person = ?)",
        (person,),
    )


def close_to_refusal(db: Database, generation: str, person: str) -> None:
    """One that the person of this hash judged without anything being kept, if that is what they want."""
    db.execute(
        "INSERT OR IGNORE INTO closed SELECT number FROM replies WHERE id = :generation "
        "AND EXISTS (SELECT 1 FROM people WHERE person = :person AND keep = 0)",
        {"generation": generation, "person": person},
    )


def is_closed(db: Database, generation: str) -> bool:
    sql = (
        "SELECT 1 FROM replies WHERE id = ? AND (number IN (SELECT generation FROM closed) "
        "OR at <= (SELECT max(at) FROM deletions WHERE why = 'person'))"
    )
    return db.execute(sql, (generation,)).fetchone() is not None


def may_be_added(db: Database, generation: str, person: str) -> bool:
    """Whether what the person of this hash did with a reply at some time may be kept: they want nothing
    kept now, or they did when it was written, and may have done it then."""
    sql = (
        "SELECT 1 FROM people WHERE person = :person "
        "AND (keep = 0 OR at >= (SELECT at FROM replies WHERE id = :generation))"
    )
    return db.execute(sql, {"generation": generation, "person": person}).fetchone() is None


def take_over(db: Database) -> None:
    """Those of the journal attached as `other`, of the replies that are here."""
    db.execute(
        "INSERT OR IGNORE INTO main.closed SELECT here.number FROM other.closed AS theirs "
        "JOIN other.replies AS there ON there.number = theirs.generation "
        "JOIN main.replies AS here ON here.id = there.id"
    )
