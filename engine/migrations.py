"""The journal's schema, as numbered steps from an empty file to today's shape.

Knows: tables, indices, triggers and the view `current_signals`; which steps a file still lacks.
Does not know: what the rows mean to people, keys, hashes, when anything expires.

A step is never edited once released: a new shape is a new step, and `tests/test_migrations.py`
opens a file of every earlier version with today's code.
"""

from __future__ import annotations

import contextlib
import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from engine import disputes, journal_closed, journal_tables, journal_words, tallies, tallies_first

MIGRATIONS = Migrations("moyou-journal")

CURRENT_SIGNALS = """
SELECT max(sequence) AS sequence, generation, person, kind, label, value, reason, at
FROM (
    SELECT max(sequence) AS sequence, generation, person, kind, label, value, reason, at, withdrawn
    FROM facts
    GROUP BY generation, person, kind, label
)
WHERE withdrawn = 0
GROUP BY generation, person
"""
"""One row a person and generation: of each kind and label only the last fact counts, those withdrawn
by it drop out, and the last of what stands is the person's judgement. SQLite takes the other columns
from the row that has the maximum (https://www.sqlite.org/lang_select.html#bareagg).

Last means last written, not latest by the clock, which may jump. All facts about a reply come from
the bot that wrote it, so a union of journals keeps their order."""

STANDING = """
SELECT max(sequence) AS sequence, generation, person, kind, label, value, reason, at
FROM facts
WHERE withdrawn = 0 AND NOT EXISTS (
    SELECT 1 FROM facts AS later
    WHERE later.generation = facts.generation AND later.person = facts.person
    AND later.kind = facts.kind AND later.label = facts.label AND later.sequence > facts.sequence
)
GROUP BY generation, person
"""
"""The same rows. SQLite hands a condition on generation or person down through one GROUP BY, not two. Since
step 0009 `journal_tables` has the view."""


@MIGRATIONS(name="0001_generations")
def generations(db: Database) -> None:
    """Replies, the words of their requests (a table of its own, so that it can be emptied), and
    the messages they were sent as."""
    db.table("secret").create({"id": int, "key": bytes}, pk="id", not_null={"key"})
    db.table("generations").create(
        {
            "id": str,
            "at": float,
            "person": str,
            "surface": str,
            "guild": str,
            "channel": str,
            "task": str,
            "options": str,
            "locale": str,
            "model": str,
            "reward_model": str,
            "origin": str,
            "own_text": str,
            "request_hash": str,
            "text_hash": str,
            "body": str,
        },
        pk="id",
        not_null={"at", "person", "surface", "guild", "channel", "task", "options", "locale", "model"}
        | {"reward_model", "origin", "own_text", "request_hash", "text_hash", "body"},
    )
    db.table("generations").create_index(["person"])
    db.table("generations").create_index(["channel"])
    db.table("words").create(
        {"generation": str, "request": str, "body": str, "expires": float},
        pk="generation",
        not_null={"request", "expires"},
        foreign_keys=[("generation", "generations", "id")],
    )
    db.table("words").create_index(["expires"])
    db.table("messages").create(
        {"id": str, "generation": str},
        pk="id",
        not_null={"generation"},
        foreign_keys=[("generation", "generations", "id")],
    )
    db.table("messages").create_index(["generation"])


@MIGRATIONS(name="0002_facts")
def facts(db: Database) -> None:
    """Judgements as they happened, and the view that says what stands."""
    db.table("facts").create(
        {
            "sequence": int,
            "id": str,
            "generation": str,
            "person": str,
            "kind": str,
            "label": str,
            "value": float,
            "reason": str,
            "at": float,
            "withdrawn": int,
        },
        pk="sequence",
        not_null={"id", "generation", "person", "kind", "label", "value", "reason", "at", "withdrawn"},
        foreign_keys=[("generation", "generations", "id")],
    )
    db.table("facts").create_index(["id"], unique=True)
    db.table("facts").create_index(["generation", "person", "kind", "label"])
    db.table("facts").create_index(["person"])
    # Rows may go (a person is forgotten) but never change.
    db.execute(
        "CREATE TRIGGER facts_are_append_only BEFORE UPDATE ON facts "
        "BEGIN SELECT raise(ABORT, 'facts are append-only'); END"
    )
    db.create_view("current_signals", CURRENT_SIGNALS)


@MIGRATIONS(name="0003_people")
def people(db: Database) -> None:
    """Who asked that nothing be kept, and a log of what was forgotten, without identities."""
    db.table("people").create({"person": str, "keep": int, "at": float}, pk="person", not_null={"keep", "at"})
    db.table("deletions").create(
        {"id": int, "at": float, "generations": int, "facts": int},
        pk="id",
        not_null={"at", "generations", "facts"},
    )


@MIGRATIONS(name="0004_guilds")
def guilds(db: Database) -> None:
    """What the moderators of a server decided and when Moyou was last in it; which replies and judgements
    were erased (their random ids alone), so that a union of journals does not bring them back; what
    Moyou has told Discord."""
    db.table("guilds").create(
        {"guild": str, "settings": str, "at": float, "seen": float},
        pk="guild",
        not_null={"settings", "at", "seen"},
    )
    db.table("erased").create({"id": str}, pk="id")
    db.table("told").create({"name": str, "value": str}, pk="name", not_null={"value"})
    db.table("generations").create_index(["guild"])


@MIGRATIONS(name="0005_summaries")
def summaries(db: Database) -> None:
    """Whom the moderators of a server leave out of summaries, and when its digests were due and sent."""
    db.table("left_out").create(
        {"guild": str, "person": str, "out": int, "at": float},
        pk=("guild", "person"),
        not_null={"out", "at"},
    )
    db.table("left_out").create_index(["person"])
    db.table("digests").create(
        {"guild": str, "due": int, "previous": int, "claimed": float, "sent": float},
        pk="guild",
        not_null={"due", "previous", "claimed", "sent"},
    )


@MIGRATIONS(name="0007_personal")
def personal(db: Database) -> None:
    """The setting of decoding that a reply was drawn with and the latent it came from (it lies in the body
    too, where reading millions takes long); how people want to be written to; what channels like, as a shift
    of a model's latents, and since when a channel's judgements count.

    What a channel likes goes with any of the judgements it was learnt from, until it is learnt again.
    """
    db.table("generations").add_column("arm", str, not_null_default="")
    db.table("generations").add_column("control", int, not_null_default=0)
    db.table("generations").add_column("latent", bytes)
    db.table("manners").create(
        {"person": str, "tone": str, "length": str, "at": float},
        pk="person",
        not_null={"tone", "length", "at"},
    )
    db.table("tastes").create(
        {"channel": str, "model": str, "lean": str, "judgements": int, "people": int, "at": float},
        pk=("channel", "model"),
        not_null={"lean", "judgements", "people", "at"},
    )
    db.table("taste_resets").create({"channel": str, "at": float}, pk="channel", not_null={"at"})
    db.execute(
        "CREATE TRIGGER tastes_go_with_judgements AFTER DELETE ON facts BEGIN DELETE FROM tastes "
        "WHERE channel = (SELECT channel FROM generations WHERE id = OLD.generation); END"
    )


@MIGRATIONS(name="0008_tallies")
def tallied(db: Database) -> None:
    """Judgements counted as they come, for reports; the view in a form that reads only the facts of the
    replies and people asked for; why something was forgotten (no more than that)."""
    db.create_view("current_signals", STANDING, replace=True)
    db.execute("CREATE INDEX idx_facts_reviews ON facts (generation, person) WHERE kind = 'review'")
    reported = "label = 'report' AND kind = 'button'"
    db.execute(f"CREATE INDEX idx_facts_reports ON facts (generation, person) WHERE {reported}")
    db.table("generations").create_index(["at"])
    tallies_first.create(db)
    db.table("deletions").add_column("why", str, not_null_default="person")


@MIGRATIONS(name="0009_numbers")
def numbers(db: Database) -> None:
    """Every name once and rows in numbers: a third of the bytes. Views read as the tables did before."""
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute("DROP VIEW current_signals")
    for table in ("tallies", "cells", "counting"):
        db.execute(f"DROP TABLE {table}")
    old = ("messages", "facts", "words", "generations")
    for table in old:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    journal_tables.create_tables(db)
    journal_tables.take_over(db)
    db.execute(
        "CREATE TABLE words (generation TEXT PRIMARY KEY REFERENCES replies (id), request TEXT NOT NULL, "
        "body BLOB, expires REAL NOT NULL)"
    )
    db.execute("INSERT INTO words SELECT generation, request, body, expires FROM old_words")
    db.execute("CREATE INDEX words_expires ON words (expires)")
    for table in old:
        db.execute(f"DROP TABLE old_{table}")
    tallies.create(db)
    tallies.count_anew(db)
    tallies.create_triggers(db)
    journal_tables.create_triggers(db)


@MIGRATIONS(name="0010_voices")
def voices(db: Database) -> None:
    """Whose words a kept request holds besides its person's own."""
    for sql in journal_words.TABLES:
        db.execute(sql)


@MIGRATIONS(name="0011_disputes")
def disputes_found(db: Database) -> None:
    """How many like and dislike each reply, so that a disputed one is found however old it is."""
    disputes.create(db)
    disputes.count_anew(db)
    disputes.create_triggers(db)


@MIGRATIONS(name="0012_closed")
def closed(db: Database) -> None:
    """Which replies a recount adds nothing to: somebody who judged them was forgotten."""
    journal_closed.create(db)
    journal_closed.create_trigger(db)


def known() -> tuple[str, ...]:
    """The names of all steps, in order."""
    with Database(memory=True, execute_plugins=False) as empty:
        return tuple(step.name for step in MIGRATIONS.pending(empty))


def unknown_to_us(db: Database) -> tuple[str, ...]:
    """Steps in this file that a newer Moyou made; such a file must not be written by this one."""
    names = set(known())
    return tuple(step.name for step in MIGRATIONS.applied(db) if step.name not in names)


def apply(db: Database, *, stop_before: str | None = None) -> None:
    """Bring the file up to date. All steps or none: two processes may open it at once."""
    pending = {step.name for step in MIGRATIONS.pending(db)}
    if not pending:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        MIGRATIONS.apply(db, stop_before=stop_before)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS.applied(db))}")
        db.commit()
    except BaseException:
        db.rollback()
        raise
    if stop_before is None and "0009_numbers" in pending and known()[0] not in pending:
        # the old tables' pages; while somebody reads, or the disk is full, they are left for later rows
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
