"""The journal in numbers: an older file comes over whole or not at all, names go with their last row."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from engine import migrations
from engine.journal import Fact, Journal, Place
from engine.journal_tables import KINDS, first_bytes, message_key
from engine.values import Request
from tests.replies import reply
from tests.test_migrations import insert

SIGNALS = (
    "SELECT generation, person, kind, label, value, reason, at FROM current_signals "
    "ORDER BY generation, person, at"
)
REPLIES = (
    "SELECT id, at, person, surface, guild, channel, task, options, locale, model, reward_model, origin, "
    "own_text, body, arm, control, latent FROM generations ORDER BY id"
)
OTHERS = (
    "SELECT id, generation FROM messages ORDER BY id",
    "SELECT * FROM words ORDER BY generation",
    "SELECT generation, person, kind, label, value, reason, at, withdrawn FROM facts ORDER BY generation, at",
    "SELECT guild, by, name, people, judged, liked, judged2, both, liked2 FROM cells "
    "WHERE by <> 'sort' AND judged > 0 ORDER BY guild, by, name",
)


def older(path: Path) -> list[list[tuple[object, ...]]]:
    """A journal of step 0008 with a bit of everything; what it says."""
    draw = random.Random(3)
    with Database(path) as db:
        db.enable_wal()
        migrations.apply(db, stop_before="0009_numbers")
        db.table("secret").insert({"id": 1, "key": b"k" * 32})
        people = [f"{draw.getrandbits(128):032x}" for _ in range(6)]
        for number in range(40):
            name = f"{number:011x}{draw.getrandbits(40):010x}"
            row = {"id": name, "at": 1.5 + number, "person": draw.choice(people), "surface": "discord"}
            row |= {"guild": draw.choice(["g", "h"]), "channel": draw.choice(["c", "d"]), "options": "{}"}
            row |= {
                "task": draw.choice(["chat", "poem"]),
                "locale": "en",
                "model": "talk@1",
                "reward_model": "",
            }
            row |= {
                "origin": "generated",
                "own_text": "云",
                "request_hash": "0f" * 16,
                "text_hash": "1e" * 16,
            }
            row |= {"body": reply(name).to_json(), "arm": "own", "control": 1, "latent": b"\0" * 8}
            insert(db, "generations", row)
            insert(db, "messages", {"id": str(1310000000000000000 + number), "generation": name})
            for sequence in range(draw.randrange(7)):
                fact = {
                    "id": f"{draw.getrandbits(128):032x}",
                    "generation": name,
                    "person": draw.choice(people),
                }
                fact |= {
                    "kind": draw.choice(KINDS),
                    "label": draw.choice("ab"),
                    "at": 100.0 * number + sequence,
                }
                fact |= {"value": draw.choice([-1.0, 0.5]), "reason": draw.choice(["", "dull"])}
                insert(db, "facts", fact | {"withdrawn": int(draw.random() < 0.3)})
        insert(db, "words", {"generation": name, "request": "{}", "body": None, "expires": 9e9})
        insert(db, "messages", {"id": "not a number", "generation": name})
        insert(db, "erased", {"id": "ab" * 16})
        insert(db, "erased", {"id": "0" * 21})
        db.conn.commit()
        return said(db)


def said(db: Database) -> list[list[tuple[object, ...]]]:
    return [list(db.execute(sql).fetchall()) for sql in (SIGNALS, REPLIES, *OTHERS)]


def test_an_older_journal_says_the_same_afterwards(tmp_path: Path) -> None:
    before = older(tmp_path / "j.db")
    with Journal(tmp_path / "j.db") as journal:
        assert said(journal._db) == before
        assert all(len(rows) > 0 for rows in before)
        assert {row[0] for row in journal._db.execute("SELECT id FROM erased")} == {b"\xab" * 8, "0" * 21}
        assert journal._db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert journal._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        left = journal._db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'old%'").fetchall()
        assert left == []
        assert journal._db.execute("PRAGMA freelist_count").fetchall() == [(0,)]
        [(by_hand,)] = journal._db.execute("SELECT count(*) FROM current_signals").fetchall()
        assert journal.counts().signals == by_hand


@pytest.mark.parametrize("steps", [3, 30, 300])
def test_broken_off_in_the_middle_nothing_is_lost(tmp_path: Path, steps: int) -> None:
    before = older(tmp_path / "j.db")
    left = iter(range(steps))
    with Database(tmp_path / "j.db") as db:
        db.conn.set_progress_handler(lambda: next(left, None) is None, 100)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            migrations.apply(db)
        db.conn.set_progress_handler(None, 0)
        assert said(db) == before
    with Journal(tmp_path / "j.db") as journal:
        assert said(journal._db) == before


FACTS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q"]),
        st.sampled_from(KINDS),
        st.sampled_from("ab"),
        st.sampled_from([-1.0, 0.0, 1.0]),
        st.booleans(),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal(tmp_path_factory.mktemp("journal") / "j.db") as journal:
        journal._db.execute("PRAGMA synchronous = OFF")
        yield journal


@given(FACTS)
def test_of_each_kind_and_label_the_last_fact_counts_and_of_these_the_last(
    empty: Journal, facts: list[tuple[str, str, str, float, bool]]
) -> None:
    empty.record(Request("chat"), reply("g"), "asker", Place("console"))
    last: dict[tuple[str, str, str], tuple[int, float, bool]] = {}
    for number, (person, kind, label, value, withdrawn) in enumerate(facts):
        fact = Fact("g", person, kind, value, label, withdrawn=withdrawn)  # type: ignore[arg-type]
        if empty.react(fact):
            last[person, kind, label] = number, value, withdrawn
    wanted = {}
    for (person, kind, _), (_, value, withdrawn) in sorted(last.items(), key=lambda one: one[1][0]):
        if not withdrawn:
            wanted[empty._hash("person", person)] = (kind, value)
    found = {signal.person: (signal.kind, signal.value) for signal in empty.signals()}
    counts = empty.counts()
    empty.forget("asker")
    assert found == wanted
    assert (counts.signals, counts.people) == (len(wanted), len(wanted))
    assert counts.likes == sum(value > 0 for _, value in wanted.values())


def test_names_go_with_the_last_row_that_has_them(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as journal:
        journal.record(Request("chat"), reply("mine"), "me", Place("discord", "1", "2"))
        journal.record(Request("chat"), reply("theirs"), "you", Place("discord", "1", "3"))
        journal.react(Fact("mine", "judge", "reaction", 1.0, "👍"))
        journal.react(Fact("theirs", "me", "reaction", 1.0, "👍"))
        journal.forget("me")  # with my reply goes the only judgement of who judged it
        persons = {row[0] for row in journal._db.execute("SELECT person FROM persons")}
        assert persons == {journal._hash("person", "you")}
        places = {row[0] for row in journal._db.execute("SELECT channel FROM places")}
        assert places == {journal._hash("channel", "3")}


def test_ids_are_read_as_numbers_where_they_are() -> None:
    assert [message_key(each) for each in ("12", 12, "012", "x1", "0", str(2**63), "１２")] == [
        12, 12, "012", "x1", 0, str(2**63), "１２",
    ]  # fmt: skip
    assert first_bytes("0123456789abcdef" * 2) == bytes.fromhex("0123456789abcdef")
    assert len(first_bytes("x")) == len(first_bytes("012")) == 8
    assert first_bytes("x") != first_bytes("y")
