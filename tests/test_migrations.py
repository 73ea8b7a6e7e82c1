"""The journal's file: every earlier version opens, what cannot be opened is said, two may write."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from engine import migrations
from engine.errors import JournalUnreadable
from engine.journal import Fact, Journal
from engine.values import Request, Signal
from tests.replies import HERE, reply


def at_version(path: Path, version: int) -> None:
    """A journal as the Moyou of that version left it."""
    with Database(path) as db:
        db.enable_wal()
        names = migrations.known()
        if version:
            migrations.apply(db, stop_before=names[version] if version < len(names) else None)
        if version >= 1:
            db.table("secret").insert({"id": 1, "key": b"k" * 32})
            row = dict.fromkeys(("person", "surface", "guild", "channel", "task", "locale", "model"), "x")
            row |= dict.fromkeys(("reward_model", "origin", "own_text", "request_hash", "text_hash"), "x")
            row |= {"id": "old", "options": "{}", "body": reply("old").to_json(), "at": 1.0}
            if version >= names.index("0007_personal") + 1:
                row |= {"arm": "", "control": 0}
            insert(db, "generations", row)
        if version >= 2:
            fact = {"id": "f", "generation": "old", "person": "p", "kind": "button", "label": "up"}
            insert(db, "facts", {**fact, "value": 1.0, "reason": "", "at": 1.0, "withdrawn": 0})
        db.conn.commit()


def schema(db: Database) -> set[tuple[str, ...]]:
    return set(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall())


def insert(db: Database, table: str, row: dict[str, object]) -> None:
    """Into a table, or a view that takes rows."""
    marks = ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", row)


@pytest.mark.parametrize("version", range(len(migrations.known()) + 1))
def test_a_journal_of_any_earlier_version_opens(tmp_path: Path, version: int) -> None:
    at_version(tmp_path / "j.db", version)
    with Journal(tmp_path / "j.db") as journal, Journal(tmp_path / "new.db") as new:
        assert journal.record(Request("chat"), reply("g1"), "1", HERE)
        assert (journal.reply("old") == reply("old")) == (version >= 1)
        assert [s for s in journal.signals()] == (
            [Signal("old", "p", "button", 1.0, "", 1.0)] if version >= 2 else []
        )
        with Database(journal.path) as db, Database(new.path) as fresh:
            assert schema(db) == schema(fresh)
            assert db.execute("PRAGMA user_version").fetchone() == (len(migrations.known()),)


@pytest.mark.parametrize("version", [1, 8, 9, 10])
def test_words_kept_before_anybody_noted_whose_they_are_go_with_whoever_asked_in_their_channel(
    tmp_path: Path, version: int
) -> None:
    at_version(tmp_path / "j.db", version)
    with Database(tmp_path / "j.db") as db:
        insert(db, "words", {"generation": "old", "request": Request("chat").to_json(), "expires": 1e12})
        db.conn.commit()
    with Journal(tmp_path / "j.db") as journal:
        journal.record(Request("chat"), reply("there"), "1", HERE)
        old = journal._db.execute("SELECT channel FROM generations WHERE id = 'old'").fetchone()
        assert old == ("x",)
        journal.forget("2")
        journal.forget("1")
        assert journal.request("old") == Request("chat"), "asked elsewhere"
        # somebody who asks where that was asked: a channel that has the same hash
        journal.record(Request("chat"), reply("beside"), "1", HERE)
        there = "SELECT place FROM replies WHERE id = 'old'"
        journal._db.execute(f"UPDATE replies SET place = ({there}) WHERE id = 'beside'")
        journal.forget("1")
        assert journal.request("old") is None
        assert journal.reply("old") is not None


def test_a_journal_of_a_newer_moyou_is_left_alone(tmp_path: Path) -> None:
    Journal(tmp_path / "j.db").close()
    with Database(tmp_path / "j.db") as db:
        row = {"migration_set": "moyou-journal", "name": "9999_later", "applied_at": ""}
        db.table("_sqlite_migrations").insert(row)
    with pytest.raises(JournalUnreadable, match="9999_later"):
        Journal(tmp_path / "j.db")


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("this is not a database, only some words in a file " * 99)
    for path in (tmp_path / "folder", tmp_path / "file", tmp_path / "file" / "j.db"):
        with pytest.raises(JournalUnreadable, match=str(path.name)):
            Journal(path)
    assert (tmp_path / "file").read_text().startswith("this is not")


def test_others_on_the_machine_cannot_read_it_and_power_cuts_take_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
        names = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        found = [journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert found == ["wal", 2, 1, 1]


def _write_many(path: Path, who: int, ready: Any) -> None:
    ready.wait()
    with Journal(path) as journal:
        for number in range(25):
            journal.record(Request("chat"), reply(f"{who}-{number}"), str(who), HERE)
            journal.react(Fact(f"{who}-{number}", "9", "reaction", 1.0, "👍"))


def test_two_processes_open_and_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    writers = [context.Process(target=_write_many, args=(tmp_path / "j.db", who, ready)) for who in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    with Journal(tmp_path / "j.db") as journal:
        counts = journal.counts()
        assert (counts.generations, counts.signals, counts.people) == (50, 50, 1)
