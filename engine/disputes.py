"""How many people like and dislike each reply, kept as judgements come: disputed ones are found anywhere.

    opinions    one row a judged reply that may be reviewed: its place, likes and dislikes that stand
    disputed    (a function) those that people disagree about, the most disputed first, whatever their age

As with `engine.tallies`, triggers on `judgements` take out what a person thought of a reply before one of
theirs comes or goes, and put in what they think then. Reviews are not counted: they settle a dispute. An
index in the order of `WEIGHT` holds the disputed alone, so to find the first ones takes as long in a journal
of millions as in a small one.

Knows: the table, the triggers, the order. Does not know: what a queue is made of, who may see what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlite_utils import Database

from engine.journal_tables import KINDS

if TYPE_CHECKING:
    from engine.journal import Journal

_REVIEW = KINDS.index("review")
_ALL = "(likes + dislikes)"
WEIGHT = f"2.0 * min(likes, dislikes) / {_ALL} * (1 - 1.0 / (1 + {_ALL}))"
"""How much people differ, and that many rather than two do: from 0 to 1."""
_DISPUTED = "likes > 0 AND dislikes > 0"
_REVIEWABLE = "origin NOT IN ('fixed', 'extract') AND own_text <> '' AND (guild <> '' OR surface = 'console')"
_REPLIES = (
    "replies AS r JOIN sorts AS k ON k.number = r.sort JOIN places AS l ON l.number = r.place "
    f"AND {_REVIEWABLE}"
)
_TIMES = (
    ("BEFORE INSERT", "NEW", "-"),
    ("AFTER INSERT", "NEW", "+"),
    ("BEFORE DELETE", "OLD", "-"),
    ("AFTER DELETE", "OLD", "+"),
)


def create(db: Database) -> None:
    """The table, empty, and its indices. For a migration."""
    db.execute(
        "CREATE TABLE opinions (generation INTEGER PRIMARY KEY, place INTEGER NOT NULL, "
        "likes INTEGER NOT NULL, dislikes INTEGER NOT NULL)"
    )
    db.execute(f"CREATE INDEX opinions_disputed ON opinions ({WEIGHT}) WHERE {_DISPUTED}")
    db.execute(f"CREATE INDEX opinions_place ON opinions (place, {WEIGHT}) WHERE {_DISPUTED}")


def create_triggers(db: Database) -> None:
    for when, row, sign in _TIMES:
        work = [
            f"UPDATE opinions SET likes = likes {sign} (s.value > 0), dislikes = dislikes {sign} "
            f"(s.value < 0) FROM (SELECT value FROM standing WHERE generation = {row}.generation "
            f"AND who = {row}.who AND kind <> {_REVIEW}) AS s WHERE opinions.generation = {row}.generation"
        ]
        if sign == "+":
            work.insert(
                0,
                "INSERT INTO opinions (generation, place, likes, dislikes) "
                f"SELECT r.number, r.place, 0, 0 FROM {_REPLIES} WHERE r.number = {row}.generation "
                f"AND NOT EXISTS (SELECT 1 FROM opinions WHERE generation = {row}.generation)",
            )
            work.append(f"DELETE FROM opinions WHERE generation = {row}.generation AND likes + dislikes = 0")
        name = f"judgements_disputed_{when.lower().replace(' ', '_')}"
        db.execute(f"CREATE TRIGGER {name} {when} ON judgements BEGIN {'; '.join(work)}; END")


def count_anew(db: Database) -> None:
    """Forget all counts and count everything that stands."""
    db.execute("DELETE FROM opinions")
    db.execute(
        "INSERT INTO opinions (generation, place, likes, dislikes) "
        "SELECT r.number, r.place, s.likes, s.dislikes FROM (SELECT generation, "
        "sum(value > 0) AS likes, sum(value < 0) AS dislikes FROM standing "
        f"WHERE value <> 0 AND kind <> {_REVIEW} GROUP BY generation) AS s "
        f"CROSS JOIN {_REPLIES} WHERE r.number = s.generation"
    )


def disputed(
    journal: Journal,
    reviewer: str,
    done: int,
    most: int,
    guild: str | None = None,
    channels: Sequence[str] = (),
) -> list[int]:
    """The numbers of at most `most` disputed replies, the most disputed first: of these channels of a server,
    or of all there are.

    Left out are those that this reviewer has reviewed, and those with `done` reviews. `reviewer`, `guild` and
    `channels` are hashes.
    """
    reviews = (
        "(SELECT count(*) + :done * coalesce(max(who = :me), 0) FROM (SELECT who, withdrawn, max(sequence) "
        f"FROM judgements WHERE kind = {_REVIEW} AND judgements.generation = opinions.generation "
        "GROUP BY who) WHERE withdrawn = 0) < :done"
    )
    me = journal._row("SELECT number FROM persons WHERE person = ?", (reviewer,))
    given = {"me": -1 if me is None else me[0], "done": done, "most": most}

    def first(where: str, more: dict[str, object]) -> list[tuple[float, int]]:
        rows = journal._db.execute(
            f"SELECT {WEIGHT}, generation FROM opinions WHERE {_DISPUTED} AND {where} AND {reviews} "
            f"ORDER BY {WEIGHT} DESC, generation DESC LIMIT :most",
            given | more,
        )
        return [(float(weight), int(number)) for weight, number in rows]

    if guild is None:
        found = first("TRUE", {})
    else:
        places = [
            place
            for channel in channels
            for place in journal._db.execute(
                "SELECT number FROM places WHERE guild = ? AND channel = ?", (guild, channel)
            ).fetchall()
        ]
        found = [one for (place,) in places for one in first("place = :place", {"place": place})]
    return [number for _, number in sorted(found, reverse=True)[:most]]
