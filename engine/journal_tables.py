"""The journal's rows as numbers: tables that hold each name once, and views that read as if they did not.

    persons, places, sorts, draws    names (hashes of people and places) and how a reply came to be, once each
    replies, judgements, sent        one row a reply, a fact about it, a message it was sent as; in numbers
    generations, facts, messages     the same with names in place of numbers; the first two take new rows
    standing, current_signals        what stands of judgements, in numbers and with names

Of a person or place no row is left once the last reply and judgement of theirs is gone (triggers). A fact's
number counts the facts of its reply; its `id` is unique anywhere. All facts about a reply come from the bot
that wrote it, so a union of journals keeps their order.

Knows: these tables, views and triggers, and how to fill them from the tables of step 0008. As part of step
0009 nothing here is edited once released. Does not know: what the rows mean to people, keys, hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from sqlite_utils import Database

KINDS = ("reaction", "button", "review")
"""Of judgements, by number."""
NEWEST_MESSAGE = "(SELECT CAST(max(sent.id) AS TEXT) FROM sent WHERE sent.generation = number)"
"""Of the reply `number`: the last of the messages it was sent as."""
ID_BYTES = 8
"""Of a fact's id and of the hashes that tell a request and a text again."""

_TABLES = (
    "CREATE TABLE persons (number INTEGER PRIMARY KEY, person TEXT NOT NULL UNIQUE, "
    "judged INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE places (number INTEGER PRIMARY KEY, surface TEXT NOT NULL, guild TEXT NOT NULL, "
    "channel TEXT NOT NULL, UNIQUE (guild, channel, surface))",
    "CREATE TABLE sorts (number INTEGER PRIMARY KEY, task TEXT NOT NULL, model TEXT NOT NULL, "
    "reward_model TEXT NOT NULL, origin TEXT NOT NULL, replies INTEGER NOT NULL DEFAULT 0, "
    "signals INTEGER NOT NULL DEFAULT 0, likes INTEGER NOT NULL DEFAULT 0, "
    "dislikes INTEGER NOT NULL DEFAULT 0, UNIQUE (task, model, reward_model, origin))",
    "CREATE TABLE draws (number INTEGER PRIMARY KEY, options TEXT NOT NULL, locale TEXT NOT NULL, "
    "arm TEXT NOT NULL, control INTEGER NOT NULL, UNIQUE (options, locale, arm, control))",
    "CREATE TABLE replies (number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, "
    "who INTEGER NOT NULL REFERENCES persons (number), place INTEGER NOT NULL REFERENCES places (number), "
    "sort INTEGER NOT NULL REFERENCES sorts (number), draw INTEGER NOT NULL REFERENCES draws (number), "
    "own_text TEXT NOT NULL, request_hash BLOB NOT NULL, text_hash BLOB NOT NULL, latent BLOB, "
    "body BLOB NOT NULL)",
    "CREATE TABLE judgements (generation INTEGER NOT NULL REFERENCES replies (number), "
    "sequence INTEGER NOT NULL, id BLOB NOT NULL, who INTEGER NOT NULL REFERENCES persons (number), "
    "kind INTEGER NOT NULL, label TEXT NOT NULL, value REAL NOT NULL, reason TEXT, at REAL NOT NULL, "
    "withdrawn INTEGER NOT NULL, PRIMARY KEY (generation, sequence)) WITHOUT ROWID",
    "CREATE TABLE sent (id PRIMARY KEY, generation INTEGER NOT NULL REFERENCES replies (number)) "
    "WITHOUT ROWID",
)
INDICES = (
    "CREATE UNIQUE INDEX replies_id ON replies (id)",
    "CREATE INDEX replies_who ON replies (who)",
    "CREATE INDEX replies_place ON replies (place)",
    "CREATE INDEX replies_at ON replies (at)",
    "CREATE INDEX places_channel ON places (channel)",
    "CREATE INDEX judgements_who ON judgements (who)",
    "CREATE INDEX judgements_reviews ON judgements (generation, who) WHERE kind = 2",
    "CREATE INDEX judgements_reports ON judgements (generation, who) WHERE kind = 1 AND label = 'report'",
    "CREATE INDEX sent_generation ON sent (generation)",
)

_STANDING = """
SELECT * FROM judgements AS j WHERE withdrawn = 0 AND NOT EXISTS (
    SELECT 1 FROM judgements AS k
    WHERE k.generation = j.generation AND k.who = j.who AND k.sequence > j.sequence AND (
        (k.kind = j.kind AND k.label = j.label)
        OR (k.withdrawn = 0 AND NOT EXISTS (
            SELECT 1 FROM judgements AS m WHERE m.generation = k.generation AND m.who = k.who
            AND m.kind = k.kind AND m.label = k.label AND m.sequence > k.sequence
        ))
    )
)
"""
"""At most one row a person and reply: of each kind and label only the last fact counts, those withdrawn by
it drop out, and the last of what stands is the person's judgement. Last means last written, not latest by
the clock, which may jump. No GROUP BY: a condition reaches the rows through it."""

_FACT = (
    "j.generation AS reply, j.sequence, r.id AS generation, p.person, "
    f"CASE j.kind {' '.join(f'WHEN {n} THEN {kind!r}' for n, kind in enumerate(KINDS))} END AS kind, "
    "j.label, j.value, coalesce(j.reason, '') AS reason, j.at"
)
_NAMED = "JOIN replies AS r ON r.number = j.generation JOIN persons AS p ON p.number = j.who"
_VIEWS = (
    f"CREATE VIEW standing AS {_STANDING}",
    f"CREATE VIEW current_signals AS SELECT {_FACT} FROM standing AS j {_NAMED}",
    f"CREATE VIEW facts AS SELECT j.id, {_FACT}, j.withdrawn FROM judgements AS j {_NAMED}",
    "CREATE VIEW messages AS SELECT CAST(m.id AS TEXT) AS id, r.id AS generation "
    "FROM sent AS m JOIN replies AS r ON r.number = m.generation",
    "CREATE VIEW generations AS SELECT r.number, r.id, r.at, p.person, l.surface, l.guild, l.channel, "
    "k.task, d.options, d.locale, k.model, k.reward_model, k.origin, r.own_text, r.request_hash, "
    "r.text_hash, r.body, d.arm, d.control, r.latent "
    "FROM replies AS r JOIN persons AS p ON p.number = r.who "
    "JOIN places AS l ON l.number = r.place JOIN sorts AS k ON k.number = r.sort "
    "JOIN draws AS d ON d.number = r.draw",
)

NAMES = {
    "persons": ("person",),
    "places": ("surface", "guild", "channel"),
    "sorts": ("task", "model", "reward_model", "origin"),
    "draws": ("options", "locale", "arm", "control"),
}
"""What the rows of each table have a number for."""


def _known(table: str) -> str:
    names = NAMES[table]
    marks = ", ".join(f"NEW.{name}" for name in names)
    return f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"


def _number(table: str, row: str = "NEW") -> str:
    same = " AND ".join(f"{name} = {row}.{name}" for name in NAMES[table])
    return f"(SELECT number FROM {table} WHERE {same})"


_REPLY = "(SELECT number FROM replies WHERE id = NEW.generation)"
_GONE_PERSON = (
    "DELETE FROM persons WHERE number = OLD.who AND NOT EXISTS (SELECT 1 FROM replies WHERE who = OLD.who) "
    "AND NOT EXISTS (SELECT 1 FROM judgements WHERE who = OLD.who)"
)
_INTO_VIEWS = {
    "generations_come INSTEAD OF INSERT ON generations": (
        *map(_known, NAMES),
        "INSERT INTO replies (id, at, who, place, sort, draw, own_text, request_hash, text_hash, latent, "
        f"body) VALUES (NEW.id, NEW.at, {', '.join(map(_number, NAMES))}, NEW.own_text, NEW.request_hash, "
        "NEW.text_hash, NEW.latent, NEW.body)",
    ),
    "facts_come INSTEAD OF INSERT ON facts": (
        _known("persons"),
        "INSERT INTO judgements (generation, sequence, id, who, kind, label, value, reason, at, withdrawn) "
        f"VALUES ({_REPLY}, "
        f"(SELECT coalesce(max(sequence), 0) + 1 FROM judgements WHERE generation = {_REPLY}), "
        f"NEW.id, {_number('persons')}, "
        f"CASE NEW.kind {' '.join(f'WHEN {kind!r} THEN {n}' for n, kind in enumerate(KINDS))} END, "
        "NEW.label, NEW.value, nullif(NEW.reason, ''), NEW.at, NEW.withdrawn)",
    ),
}
_OF_ROWS = {
    # Rows may go (a person is forgotten) but never change.
    "judgements_are_append_only BEFORE UPDATE ON judgements": (
        "SELECT raise(ABORT, 'facts are append-only')",
    ),
    "judgements_go AFTER DELETE ON judgements": (
        "DELETE FROM tastes WHERE channel = (SELECT channel FROM replies AS r "
        "JOIN places ON places.number = place WHERE r.number = OLD.generation)",
        _GONE_PERSON,
    ),
    "replies_go AFTER DELETE ON replies": (
        "UPDATE sorts SET replies = replies - 1 WHERE number = OLD.sort",
        _GONE_PERSON,
        "DELETE FROM places WHERE number = OLD.place "
        "AND NOT EXISTS (SELECT 1 FROM replies WHERE place = OLD.place)",
    ),
    "replies_come AFTER INSERT ON replies": (
        "UPDATE sorts SET replies = replies + 1 WHERE number = NEW.sort",
    ),
}


def create_tables(db: Database) -> None:
    for sql in (*_TABLES, *_VIEWS):
        db.execute(sql)


def create_triggers(db: Database) -> None:
    _create_triggers(db, _INTO_VIEWS)
    create_row_triggers(db)


def create_row_triggers(db: Database) -> None:
    """Those that rows of `replies` and `judgements` set off."""
    _create_triggers(db, _OF_ROWS)


def _create_triggers(db: Database, triggers: Mapping[str, Sequence[str]]) -> None:
    for head, work in triggers.items():
        db.execute(f"CREATE TRIGGER {head} BEGIN {'; '.join(work)}; END")


def count_replies(db: Database) -> None:
    """How many there are of each sort: where they came while no trigger counted them."""
    db.execute("UPDATE sorts SET replies = (SELECT count(*) FROM replies WHERE sort = sorts.number)")


def take_over(db: Database) -> None:
    """Everything that the tables of step 0008 hold, which are there under names that begin with `old_`."""
    db.conn.create_function("first_bytes", 1, first_bytes, deterministic=True)
    for sql in (
        "INSERT INTO persons (person) SELECT person FROM old_generations UNION SELECT person FROM old_facts",
        *(
            f"INSERT INTO {table} ({names}) SELECT DISTINCT {names} FROM old_generations"
            for table, names in ((table, ", ".join(names)) for table, names in NAMES.items())
            if table != "persons"
        ),
        "INSERT INTO replies (number, id, at, who, place, sort, draw, own_text, request_hash, text_hash, "
        f"latent, body) SELECT rowid, id, at, {', '.join(_number(table, 'o') for table in NAMES)}, own_text, "
        "first_bytes(request_hash), "
        "first_bytes(text_hash), latent, body FROM old_generations AS o ORDER BY rowid",
        INDICES[0],
        "INSERT INTO judgements (generation, sequence, id, who, kind, label, value, reason, at, withdrawn) "
        "SELECT r.number, row_number() OVER (PARTITION BY r.number ORDER BY o.sequence), first_bytes(o.id), "
        f"{_number('persons', 'o')}, "
        f"CASE o.kind {' '.join(f'WHEN {kind!r} THEN {n}' for n, kind in enumerate(KINDS))} END, "
        "o.label, o.value, nullif(o.reason, ''), o.at, o.withdrawn "
        "FROM old_facts AS o JOIN replies AS r ON r.id = o.generation ORDER BY r.number, o.sequence",
        "INSERT INTO sent (id, generation) SELECT iif(CAST(CAST(m.id AS INTEGER) AS TEXT) = m.id, "
        "CAST(m.id AS INTEGER), m.id), r.number FROM old_messages AS m "
        "JOIN replies AS r ON r.id = m.generation ORDER BY 1",
        # of what was erased the ids of replies have another length
        "INSERT OR IGNORE INTO erased (id) SELECT first_bytes(id) FROM erased WHERE length(id) = 32",
        "DELETE FROM erased WHERE typeof(id) = 'text' AND length(id) = 32",
        *INDICES[1:],
    ):
        db.execute(sql)
    count_replies(db)


def first_bytes(text: str) -> bytes:
    """The first bytes that hexadecimal digits say; of anything else as many that depend on it."""
    try:
        data = bytes.fromhex(text[: 2 * ID_BYTES])
    except ValueError:
        data = b""
    return data if len(data) == ID_BYTES else hashlib.blake2b(text.encode(), digest_size=ID_BYTES).digest()


def message_key(message: int | str) -> int | str:
    """A message's id as `sent` has it: Discord's are numbers."""
    text = str(message)
    if not (text.isascii() and text.isdigit()) or (text != "0" and text[0] == "0"):
        return text
    return int(text) if int(text) < 2**63 else text
