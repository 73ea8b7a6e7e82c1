"""engine/journal_union.py: journals of several processes become one; what was erased stays erased."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import AnotherJournal, Fact, GuildSettings, Journal, JournalUnreadable, Place, Request, Signal
from engine.__main__ import main
from engine.journal_guilds import (
    DAY,
    forget_guild,
    forget_left_guilds,
    guild_settings,
    note_guilds,
    set_guild_settings,
    settle_reactions,
)
from engine.journal_union import Merged, merge
from tests.replies import reply

A, B = Place("discord", "100", "1"), Place("discord", "200", "2")


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Path, Path]:
    """The journals of two machines that began as copies of one."""
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    with Journal(one) as journal:
        write(journal, "before", A)
    shutil.copy(one, two)
    return one, two


def write(journal: Journal, name: str, place: Place, value: float = 1.0, person: str = "p") -> None:
    assert journal.record(Request("chat", "what was said"), reply(name), person, place)
    journal.attach(name, f"m-{name}")
    assert journal.react(Fact(name, "q", "reaction", value, "👍"))


def standing(path: Path) -> set[Signal]:
    with Journal(path) as journal:
        return set(journal.signals())


def test_everything_of_both_is_there_once(shards: tuple[Path, Path]) -> None:
    one, two = shards
    with Journal(one) as journal:
        write(journal, "a", A)
        set_guild_settings(journal, "100", GuildSettings(daily_limit=3))
    with Journal(two) as journal:
        write(journal, "b", B, -1.0)
        set_guild_settings(journal, "200", GuildSettings(daily_limit=4))
        journal.set_keep("silent", False)
    assert merge(one, two) == Merged(1, 1)
    assert merge(one, two) == Merged(0, 0)
    with Journal(one) as journal:
        assert [journal.reply(name) is not None for name in ("before", "a", "b")] == [True] * 3
        assert journal.generation_of("m-b") == "b"
        assert journal.request("a") is not None
        assert journal.request("b") is None  # its words stay where they were said
        assert not journal.may_keep("silent")
        assert [guild_settings(journal, guild, []).daily_limit for guild in ("100", "200")] == [3, 4]
        # the same people: a person can be forgotten in the union
        assert journal.forget("q").facts == 3


def test_what_was_erased_on_either_side_does_not_come_back(shards: tuple[Path, Path]) -> None:
    one, two = shards
    with Journal(two) as journal:
        write(journal, "b", B, person="r")
        write(journal, "c", Place("discord", "300", "3"), person="s")
    merge(one, two)
    with Journal(one) as journal:
        journal.forget("p")
        journal.forget("r")
    with Journal(two) as journal:
        forget_guild(journal, "300")
    merge(one, two)
    merge(two, one)
    for path in shards:
        with Journal(path) as journal:
            assert journal.counts().generations == 0
            assert list(journal.signals()) == []


def test_a_stale_copy_does_not_erase_a_server_that_another_machine_is_in(
    shards: tuple[Path, Path],
) -> None:
    """The second machine began as a copy and never heard of the first one's servers again."""
    one, two = shards
    month = 31 * DAY
    with Journal(one) as journal:
        note_guilds(journal, ["100"])
    shutil.copy(one, two)
    with Journal(two, clock=lambda: time.time() + month) as journal:
        assert forget_left_guilds(journal, 30).generations == 1
        assert journal.reply("before") is None
    merge(one, two)
    later = lambda: time.time() + month  # noqa: E731
    with Journal(one, clock=later) as journal:
        assert journal.reply("before") is not None
        note_guilds(journal, ["100"])
    merge(two, one)
    with Journal(two, clock=later) as journal:
        assert journal.reply("before") is not None  # it is known to be alive now
        assert forget_left_guilds(journal, 30).generations == 0
    # a server that was left is erased on each side by itself, and what a union brings back goes again
    with Journal(one, clock=lambda: time.time() + 3 * month) as journal:
        assert forget_left_guilds(journal, 30).generations == 1
    merge(one, two)
    with Journal(one, clock=lambda: time.time() + 3 * month) as journal:
        assert journal.reply("before") is not None
        assert forget_left_guilds(journal, 30).generations == 1


def voices(path: Path) -> list[tuple[str, ...]]:
    with Journal(path) as journal:
        words = "SELECT generation, EXISTS (SELECT 1 FROM words WHERE words.generation = v.generation)"
        return journal._db.execute(f"{words} FROM voices AS v ORDER BY generation").fetchall()


def test_whose_words_a_request_holds_stays_where_the_words_are(shards: tuple[Path, Path]) -> None:
    one, two = shards
    for path, name, place in ((one, "a", A), (two, "b", B)):
        with Journal(path) as journal:
            journal.record(Request("translate", "what q said"), reply(name), "p", place, others=["q"])
    merge(one, two)
    assert voices(one) == [("a", 1)]
    with Journal(one) as journal:
        journal.forget("p")  # who asked: the replies go, and in a union on the other side as well
    merge(two, one)
    assert voices(two) == []
    with Journal(two) as journal:
        assert journal.request("b") is None


@pytest.mark.parametrize("who", ["asked", "judged", "in their channel", "nobody"])
def test_words_of_who_was_forgotten_on_the_other_side_go_from_what_others_asked(
    shards: tuple[Path, Path], who: str
) -> None:
    one, two = shards  # "before" is p's, and q judged it
    quoted = {"asked": "p", "judged": "q"}.get(who, "r")
    place = replace(A, channel="1" if who == "in their channel" else "elsewhere")
    with Journal(one) as journal:
        asked = Request("translate", "what was said")
        journal.record(asked, reply("quoting"), "s", place, others=[quoted])
    with Journal(two) as journal:
        journal.forget("q" if who == "judged" else "p")
    for _ in range(2):
        merge(one, two)
    with Journal(one) as journal:
        assert journal.reply("quoting") is not None
        assert journal.request("quoting") == (asked if who == "nobody" else None)
    assert voices(one) == ([("quoting", 1)] if who == "nobody" else [])


def test_a_later_decision_counts(shards: tuple[Path, Path]) -> None:
    one, two = shards
    for number, (path, keep) in enumerate(((one, False), (two, True))):
        with Journal(path, clock=lambda number=number: 100.0 + number) as journal:
            journal.set_keep("q", keep)
            set_guild_settings(journal, "100", GuildSettings(daily_limit=number))
    merge(one, two)
    merge(two, one)
    for path in shards:
        with Journal(path) as journal:
            assert journal.may_keep("q")
            assert guild_settings(journal, "100", []).daily_limit == 1


EVENTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from("pqr"), st.sampled_from((1.0, -1.0)), st.booleans())
)


@settings(max_examples=15, deadline=None)
@given(EVENTS)
def test_the_union_is_the_same_from_either_side(events: list[tuple[bool, str, float, bool]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one.db", Path(folder) / "two.db"
        Journal(one).close()
        shutil.copy(one, two)
        for path, name, mine in ((one, "a", True), (two, "b", False)):
            with Journal(path) as journal:
                journal.record(Request("chat"), reply(name), "p", A if mine else B)
                for where, person, value, withdrawn in events:
                    if where is mine:
                        label = "👍" if value > 0 else "👎"
                        journal.react(Fact(name, person, "reaction", value, label, withdrawn=withdrawn))
        wanted = standing(one) | standing(two)
        merge(one, two)
        merge(two, one)
        assert standing(one) == standing(two) == wanted


def test_another_key_and_no_journal_are_said(tmp_path: Path) -> None:
    for name in ("one.db", "other.db"):
        Journal(tmp_path / name).close()
    with pytest.raises(AnotherJournal, match=r"other\.db"):
        merge(tmp_path / "one.db", tmp_path / "other.db")
    (tmp_path / "text").write_text("not a journal " * 99)
    with pytest.raises(JournalUnreadable):
        merge(tmp_path / "one.db", tmp_path / "text")


def test_the_command_makes_the_union_where_there_is_none(shards: tuple[Path, Path], tmp_path: Path) -> None:
    with Journal(shards[1]) as journal:
        write(journal, "b", B)
    into = tmp_path / "union.db"
    done = CliRunner().invoke(main, ["merge", *map(str, shards), "--journal", str(into), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["generations"], row["facts"]) for row in rows] == [(1, 1), (1, 1)]
    assert len(standing(into)) == 2


def test_a_reply_that_is_closed_to_recounts_on_one_side_is_closed_in_the_union(
    shards: tuple[Path, Path],
) -> None:
    one, two = shards
    with Journal(two) as journal:
        write(journal, "b", B)
        journal.forget("q")
    for _ in range(2):
        merge(one, two)
    with Journal(one) as journal:
        write(journal, "open", A)
        for name, count in (("before", 0), ("b", 0), ("open", 1)):
            assert settle_reactions(journal, name, {"👍": ["q", "r"]}, {"👍": 1.0}) == count
