"""What the journal holds of one person: how much, all of it, and what goes when it is too old.

Every table with a column `person` is looked into, so that a table which comes later is not forgotten; but
not whose words others' requests hold, which is those others' own.

Knows: which rows belong to a person. Does not know: who asks, Discord, how it is worded. Erasing all of it is
`Journal.forget`.

Functions on a Journal, called as its methods are: await journal(belongings, person).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.journal import Journal
from engine.journal_body import COLUMNS, Beside, drafts_in, unpacked
from engine.journal_guilds import DAY
from engine.journal_personal import learn_tastes
from engine.journal_rows import Forgotten, latent_of, people_tables

_OF_THE_FILE = ("person", "number", "reply")
"""What only says where in this file a row is, or whose it is, which its reader knows."""
_OF_OTHERS = {"voices"}
"""What names a person and is another one's: that somebody asked on their words, which nobody else saw. They
are neither shown nor counted here, and go when the person is forgotten."""
AT_ONCE = 2000
"""Replies erased in one transaction when they are too old: others wait no longer than that takes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How much there is of a person. `since`: the oldest reply, seconds since 1970, 0 for none; `others`:
    rows of tables beside replies and judgements, by the table's name."""

    replies: int
    drafts: int
    requests: int
    judgements: int
    since: float
    others: Mapping[str, int]

    @property
    def nothing(self) -> bool:
        return not (self.replies or self.judgements or any(self.others.values()))


def kept_of(journal: Journal, person: str) -> Kept:
    """How much the journal holds of this person now."""
    who = (journal._hash("person", person),)

    def count(sql: str) -> Any:
        row = journal._row(sql, who)
        return 0 if row is None or row[0] is None else row[0]

    words = "SELECT count(*) FROM words WHERE generation IN (SELECT id FROM generations WHERE person = ?)"
    bodies = journal._db.execute("SELECT body FROM generations WHERE person = ?", who)
    return Kept(
        replies=count("SELECT count(*) FROM generations WHERE person = ?"),
        drafts=sum(drafts_in(body) for (body,) in bodies if body),
        requests=count(words),
        judgements=count("SELECT count(*) FROM facts WHERE person = ?"),
        since=count("SELECT min(at) FROM generations WHERE person = ?"),
        others={name: count(f"SELECT count(*) FROM {name} WHERE person = ?") for name in _tables(journal)},
    )


def belongings(journal: Journal, person: str) -> str:
    """Everything of this person as JSON: a list of rows for each table, with words while they are kept.

    Hashes of the person are left out; those of servers and channels stay, they tell rows apart. So are the
    earlier turns of what was asked in a server: other people said them, and nothing says who said which; and
    others' requests that hold words of theirs, for who asked may have done so privately.
    Reading it all takes long where there is much: call it by `JournalThread.beside`.
    """
    who = journal._hash("person", person)
    columns = journal._db.execute(f"SELECT {COLUMNS} FROM generations WHERE person = ?", (who,))
    beside = {row[0]: Beside(*row) for row in columns}
    found: dict[str, list[dict[str, Any]]] = {}
    for table in (*_tables(journal), "generations", "facts"):
        found[table] = _rows(journal, f"SELECT * FROM {table} WHERE person = :who", who, beside)
    for table in ("words", "messages"):
        theirs = "SELECT id FROM generations WHERE person = :who"
        found[table] = _rows(journal, f"SELECT * FROM {table} WHERE generation IN ({theirs})", who, beside)
    in_servers = {row["id"] for row in found["generations"] if row["guild"]}
    for row in found["words"]:
        if row["generation"] in in_servers:
            row["request"].pop("context", None)
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _tables(journal: Journal) -> tuple[str, ...]:
    return tuple(name for name in people_tables(journal._db) if name not in _OF_OTHERS)


def _rows(journal: Journal, sql: str, who: str, beside: Mapping[str, Beside]) -> list[dict[str, Any]]:
    cursor = journal._db.execute(sql, {"who": who})
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        if row.get("body"):  # the reply it is, not as packed
            kept = unpacked(row["body"], beside[row.get("generation") or row["id"]])
            row["body"] = json.loads(kept.to_json())
    return [
        {name: _value(name, value) for name, value in row.items() if name not in _OF_THE_FILE} for row in rows
    ]


def _value(name: str, value: Any) -> Any:
    """What it is, not as text within text or as bytes."""
    if name == "latent" and value:  # it stands among the reply's drafts too
        return list(latent_of(value))
    if isinstance(value, bytes):
        return value.hex()
    return json.loads(value) if name in ("request", "options") and value else value


def forget_old(journal: Journal, days: float) -> Forgotten:
    """Erase replies of more than `days` days ago with all that hangs on them; 0: none are too old.

    What people chose goes when it is as old and nothing else of them is here any more: of who left a server
    nobody tells. Only a refusal stays.
    """
    generations = facts = 0
    tastes = _with_taste(journal)
    latest = journal._clock() - days * DAY
    while days > 0:
        old = [
            row[0]
            for row in journal._db.execute(
                "SELECT number FROM replies WHERE at < ? LIMIT ?", (latest, AT_ONCE)
            )
        ]
        if not old:
            break
        with journal._writing():
            marks = ",".join("?" * len(old))
            gone = journal._db.execute(f"DELETE FROM judgements WHERE generation IN ({marks})", old).rowcount
            words = f"(SELECT id FROM replies WHERE number IN ({marks}))"
            journal._db.execute(f"DELETE FROM words WHERE generation IN {words}", old)
            journal._db.execute(f"DELETE FROM sent WHERE generation IN ({marks})", old)
            journal._db.execute(f"DELETE FROM replies WHERE number IN ({marks})", old)
            journal._db.execute("DELETE FROM cells WHERE judged = 0")
            row = {"at": journal._clock(), "generations": len(old), "facts": gone, "why": "age"}
            journal._db.table("deletions").insert(row)
        generations, facts = generations + len(old), facts + gone
    if generations:
        for channel in sorted(tastes - _with_taste(journal)):  # they went with the judgements
            learn_tastes(journal, channel)
    gone_people = 0
    for table, more in (("manners", ""), ("people", "AND keep = 1")) if days > 0 else ():
        gone_people += journal._db.execute(
            f"DELETE FROM {table} WHERE at < ? {more} "
            f"AND NOT EXISTS (SELECT 1 FROM generations AS g WHERE g.person = {table}.person) "
            f"AND NOT EXISTS (SELECT 1 FROM facts AS f WHERE f.person = {table}.person)",
            (latest,),
        ).rowcount
    if generations or gone_people:
        journal._empty_log()
    return Forgotten(generations, facts)


def _with_taste(journal: Journal) -> set[str]:
    return {row[0] for row in journal._db.execute("SELECT DISTINCT channel FROM tastes")}


def deletions(journal: Journal, most: int = 50) -> tuple[tuple[float, str, int, int], ...]:
    """The latest erasures: when, why (person, server or age), how many replies and judgements. Of nobody."""
    rows = journal._db.execute(
        "SELECT at, why, generations, facts FROM deletions ORDER BY id DESC LIMIT ?", (most,)
    )
    return tuple(tuple(row) for row in rows)
