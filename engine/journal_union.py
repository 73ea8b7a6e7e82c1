"""Journals of several processes or machines as one: a union by ids that are unique anywhere.

Knows: which rows come over, that what was erased on one side stays erased, that merging twice is merging
once. Does not know: Discord, shards, where the files came from.

Both journals must hide people under the same key, so each machine starts with a copy of one file. The
words of requests are not taken over: they serve *again* and *why* where they were said, and expire there.
All facts about a reply come from the bot that wrote it, so their order is kept.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from engine.errors import AnotherJournal, JournalUnreadable
from engine.journal import Journal
from engine.journal_closed import take_over

_FACT = "id, generation, person, kind, label, value, reason, at, withdrawn"
_REPLY = (
    "id, at, person, surface, guild, channel, task, options, locale, model, reward_model, origin, own_text, "
    "request_hash, text_hash, body, arm, control, latent"
)
_ERASED = "(SELECT id FROM erased)"
_HOLDING_ERASED = (
    "SELECT generation FROM voices WHERE person IN ("
    f"SELECT person FROM generations WHERE id IN {_ERASED} "
    f"UNION SELECT person FROM facts WHERE id IN {_ERASED} AND generation NOT IN {_ERASED}) "
    "UNION SELECT id FROM generations WHERE channel <> '' "
    f"AND channel IN (SELECT channel FROM generations WHERE id IN {_ERASED})"
)
"""The replies here whose requests hold or may hold words of who was forgotten on the other side, as far as
what is here shows who that is: who asked for what was erased, who judged it where the reply itself was not,
and all in channels where they asked (see `journal_words.HELD`). Where a whole server was forgotten these are
more than need be. Of who neither asked nor judged here nothing shows it: their words go when they expire."""


@dataclass(frozen=True, slots=True)
class Merged:
    """How much came over."""

    generations: int
    facts: int


def merge(into: Path, source: Path) -> Merged:
    """Take everything of the journal `source` into the journal `into`, which is made where it is missing.

    `source` is brought to today's schema and otherwise left as it is; both may be in use meanwhile.
    Raises JournalUnreadable, AnotherJournal.
    """
    if not into.exists():
        _copy_key(into, source)
    Journal(source).close()
    with Journal(into) as journal:
        db = journal._db
        db.execute("ATTACH DATABASE ? AS other", (str(source),))
        try:
            if journal._row("SELECT key FROM other.secret WHERE id = 1", ()) != (journal._key,):
                raise AnotherJournal(file=source, into=into)
            with journal._writing():
                merged = _unite(journal)
            journal._empty_log()
            return merged
        except sqlite3.Error as error:
            raise JournalUnreadable(file=source, reason=error) from error
        finally:
            db.execute("DETACH DATABASE other")


def _copy_key(into: Path, source: Path) -> None:
    with Journal(source) as theirs:
        key = theirs._key
    with Journal(into) as mine:
        mine._write("UPDATE secret SET key = ? WHERE id = 1", (key,))


def _unite(journal: Journal) -> Merged:
    run = journal._db.execute
    run("INSERT OR IGNORE INTO erased SELECT id FROM other.erased")
    # before the rows go that say whose they are
    run(f"DELETE FROM words WHERE generation IN ({_HOLDING_ERASED})")
    theirs = f"(SELECT number FROM replies WHERE id IN {_ERASED})"
    run(f"DELETE FROM judgements WHERE id IN {_ERASED} OR generation IN {theirs}")
    run(f"DELETE FROM words WHERE generation IN {_ERASED}")
    run(f"DELETE FROM sent WHERE generation IN {theirs}")
    run(f"DELETE FROM replies WHERE id IN {_ERASED}")
    before = _rows(journal)
    run(
        f"INSERT INTO generations ({_REPLY}) SELECT {_REPLY} FROM other.generations AS theirs "
        f"WHERE id NOT IN {_ERASED} "
        "AND NOT EXISTS (SELECT 1 FROM main.replies AS here WHERE here.id = theirs.id) ORDER BY number"
    )
    run(
        "INSERT OR IGNORE INTO sent SELECT theirs.id, here.number FROM other.sent AS theirs "
        "JOIN other.replies AS there ON there.number = theirs.generation "
        "JOIN main.replies AS here ON here.id = there.id"
    )
    run(
        f"INSERT INTO facts ({_FACT}) SELECT {_FACT} FROM other.facts AS theirs "
        f"WHERE id NOT IN {_ERASED} "
        "AND EXISTS (SELECT 1 FROM main.replies AS r WHERE r.id = theirs.generation) "
        "AND NOT EXISTS (SELECT 1 FROM main.replies AS r "
        "JOIN main.judgements AS here ON here.generation = r.number "
        "WHERE r.id = theirs.generation AND here.id = theirs.id) ORDER BY reply, sequence"
    )
    take_over(journal._db)
    generations, facts = (now - then for now, then in zip(_rows(journal), before, strict=True))
    # "WHERE true": SQLite would take ON for a join's
    run(
        "INSERT INTO people (person, keep, at) SELECT person, keep, at FROM other.people WHERE true "
        "ON CONFLICT (person) DO UPDATE SET keep = excluded.keep, at = excluded.at "
        "WHERE excluded.at > people.at"
    )
    run(
        "INSERT INTO guilds (guild, settings, at, seen) SELECT guild, settings, at, seen FROM other.guilds "
        "WHERE true ON CONFLICT (guild) DO UPDATE SET "
        "settings = iif(excluded.at > guilds.at, excluded.settings, guilds.settings), "
        "at = max(excluded.at, guilds.at), seen = max(excluded.seen, guilds.seen)"
    )
    run(
        "INSERT INTO left_out (guild, person, out, at) SELECT guild, person, out, at FROM other.left_out "
        "WHERE true ON CONFLICT (guild, person) DO UPDATE SET out = excluded.out, at = excluded.at "
        "WHERE excluded.at > left_out.at"
    )
    run(
        "INSERT INTO manners (person, tone, length, at) SELECT person, tone, length, at FROM other.manners "
        "WHERE true ON CONFLICT (person) DO UPDATE SET tone = excluded.tone, length = excluded.length, "
        "at = excluded.at WHERE excluded.at > manners.at"
    )
    # what channels like is learnt anew from the judgements that came over
    run(
        "INSERT INTO taste_resets (channel, at) SELECT channel, at FROM other.taste_resets WHERE true "
        "ON CONFLICT (channel) DO UPDATE SET at = max(excluded.at, taste_resets.at)"
    )
    run(
        "INSERT INTO digests (guild, due, previous, claimed, sent) "
        "SELECT guild, due, previous, claimed, sent FROM other.digests "
        "WHERE true ON CONFLICT (guild) DO UPDATE SET due = excluded.due, previous = excluded.previous, "
        "claimed = excluded.claimed, sent = excluded.sent "
        "WHERE (excluded.due, excluded.sent) > (digests.due, digests.sent)"
    )
    return Merged(generations, facts)


def _rows(journal: Journal) -> tuple[int, int]:
    """How many replies and facts there are."""
    row = journal._row("SELECT (SELECT count(*) FROM replies), (SELECT count(*) FROM judgements)", ())
    return (0, 0) if row is None else (row[0], row[1])
