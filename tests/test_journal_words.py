"""Whose words of a request the journal keeps, and until when: others, repeats, a setting that changes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import danger
from engine.journal import Journal, Place
from engine.journal_personal import forgettings
from engine.values import Request
from tests.replies import HERE, WORDS, draft, reply
from tests.test_journal import Clock, everything_in


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(tmp_path / "data" / "journal.db", clock=clock) as opened:
        yield opened


@pytest.mark.parametrize("refuses", ["2", "3", None])
def test_words_of_who_wants_nothing_kept_are_kept_in_nobodys_request(
    journal: Journal, refuses: str | None
) -> None:
    if refuses is not None:
        journal.set_keep(refuses, False)
    asked = Request("chat", "嗯", context=(WORDS,))
    copied = reply(text=WORDS, drafts=(draft(WORDS, "□"),))
    assert journal.record(asked, copied, "1", HERE, others=("2", "3"))
    assert journal.request("g1") == (asked if refuses is None else None)
    assert (WORDS.encode() in everything_in(journal)) == (refuses is None)
    assert journal.reply("g1") is not None
    assert journal.given_again("g1", asked)


def test_what_danger_was_in_is_not_kept_with_what_is_said_later(journal: Journal) -> None:
    fixed = danger.answer("crisis", "zh-CN")
    asked = Request("chat", "谢谢", context=("早", "早！", WORDS, fixed))
    journal.record(asked, reply(), "1", HERE)
    assert journal.request("g1") == replace(asked, context=("早", "早！"))
    kept = everything_in(journal)
    assert WORDS.encode() not in kept
    assert fixed[:10].encode() not in kept


def test_words_of_a_repeated_request_expire_with_the_first_ones(journal: Journal, clock: Clock) -> None:
    asked = Request("chat", WORDS)
    journal.record(asked, reply("g1"), "1", HERE)
    clock.now += 20 * 3600
    assert journal.record(asked, reply("g2"), "2", HERE, repeats="g1")
    assert journal.record(asked, reply("g3"), "1", HERE, repeats="g2")
    clock.now += 4 * 3600 - 1
    assert [journal.request(name) for name in ("g1", "g2", "g3")] == [asked] * 3
    clock.now += 1
    assert journal.expire_words() == 3
    assert WORDS.encode() not in everything_in(journal)
    # nor do they come back
    assert journal.record(asked, reply("g4"), "1", HERE, repeats="g1")
    assert journal.request("g4") is None


def test_words_are_not_repeated_once_the_person_who_said_them_wants_none_kept(journal: Journal) -> None:
    asked = Request("chat", WORDS)
    journal.record(asked, reply("g1"), "1", HERE)
    journal.set_keep("1", False)
    assert journal.record(asked, reply("g2"), "2", HERE, repeats="g1")
    assert journal.request("g2") is None
    assert not journal.record(asked, reply("g3"), "1", HERE, repeats="g1")
    journal.set_keep("1", True)
    journal.record(asked, reply("g4"), "2", HERE, repeats="g1")
    assert journal.request("g4") == asked


def kept_for(journal: Journal) -> dict[str, set[str]]:
    """Whose words each kept request holds, the person's own left out; people are looked for among 1 to 9."""
    people = {journal._hash("person", str(number)): str(number) for number in range(1, 10)}
    found: dict[str, set[str]] = {
        row[0]: set() for row in journal._db.execute("SELECT generation FROM words")
    }
    for generation, person in journal._db.execute("SELECT generation, person FROM voices"):
        found[generation].add(people[person])  # a KeyError: a row without words
    return found


def test_words_on_somebodys_message_go_with_either_of_both(journal: Journal, clock: Clock) -> None:
    """The one who said them never asked anything there."""
    for number, (person, others) in enumerate([("2", ["1"]), ("1", ["3"]), ("2", ["3", "2"]), ("2", [])]):
        place = replace(HERE, channel=f"{number}")
        journal.record(Request("translate", WORDS), reply(f"g{number}"), person, place, others=others)
    assert kept_for(journal) == {"g0": {"1"}, "g1": {"3"}, "g2": {"3"}, "g3": set()}
    journal.forget("1")
    assert kept_for(journal) == {"g2": {"3"}, "g3": set()}
    assert journal.reply("g0") is not None
    journal.forget("3")
    assert kept_for(journal) == {"g3": set()}
    journal.record(Request("chat", WORDS), reply("g4"), "2", HERE, others=["4"])
    clock.now += 24 * 3600
    journal.expire_words()
    assert kept_for(journal) == {}


def test_what_is_asked_once_more_or_quoted_is_held_for_the_same_people(journal: Journal) -> None:
    asked = Request("translate", WORDS)
    more: dict[str, Any]
    for name, person, more in (
        ("g1", "2", {"others": ["1"]}),
        ("g2", "3", {"repeats": "g1"}),
        ("g3", "4", {"holds": ["g2", "g1"], "others": ["5"]}),
        ("g4", "6", {}),
    ):
        journal.record(asked, reply(name), person, replace(HERE, channel=f"only {name}"), **more)
    assert kept_for(journal) == {
        "g1": {"1"},
        "g2": {"1", "2"},
        "g3": {"1", "2", "3", "5"},
        "g4": set(),
    }
    journal.forget("1")
    assert kept_for(journal) == {"g4": set()}


def test_a_reply_knows_whether_it_copied_while_the_journal_keeps_what_it_copied(
    journal: Journal, clock: Clock
) -> None:
    for name, own, origin in (("g1", "□", "generated"), ("g2", WORDS, "extract"), ("g3", WORDS, "generated")):
        written = reply(name, WORDS, drafts=(draft(WORDS, own, origin=origin),), origin=origin)
        journal.record(Request("chat", WORDS), written, "1", HERE)
    names = ("g1", "g2", "g3")
    for expected in ([True, True, False], [False, False, False]):
        kept = [journal.reply(name) for name in names]
        assert [each is not None and each.copies for each in kept] == expected
        clock.now += 24 * 3600


@pytest.mark.parametrize("refuses", ["1", "2", "3"])
def test_a_refusal_of_whoever_is_quoted_holds_for_those_who_quote(journal: Journal, refuses: str) -> None:
    asked = Request("translate", WORDS)
    journal.record(asked, reply("g1"), "2", HERE, others=["1"])
    journal.record(asked, reply("g2"), "3", HERE, repeats="g1")
    journal.set_keep(refuses, False)
    journal.record(asked, reply("g3"), "4", HERE, holds=["g2"])
    journal.record(asked, reply("g4"), "4", HERE, repeats="g2")
    assert journal.request("g3") is None
    assert journal.request("g4") is None
    assert journal.reply("g3") is not None


@pytest.mark.parametrize("gone", ["forgotten", "expired", "never here"])
def test_what_a_reply_copied_is_not_kept_once_nobody_knows_whose_it_is(
    journal: Journal, clock: Clock, gone: str
) -> None:
    """It was read while it was there, and its words went while an answer to them was being written."""
    asked = Request("translate", WORDS)
    if gone != "never here":
        journal.record(asked, reply("g1"), "2", HERE, others=["1"])
    if gone == "forgotten":
        journal.forget("1")
    clock.now += 24 * 3600 * (gone == "expired")
    elsewhere = replace(HERE, channel="elsewhere")
    journal.record(asked, reply("g0"), "3", elsewhere)
    assert journal.record(asked, reply("g2"), "3", elsewhere, holds=["g0", "g1"])
    assert journal.request("g2") is None
    assert journal.reply("g2") is not None
    assert journal.record(asked, reply("g3"), "3", elsewhere, holds=["g0"])
    assert journal.request("g3") == asked


def test_words_of_whoever_is_forgotten_while_they_are_answered_are_not_kept(journal: Journal) -> None:
    asked = Request("translate", WORDS)
    before = forgettings(journal)
    journal.record(asked, reply("g1"), "2", HERE, others=["1"], since=before)
    assert journal.request("g1") == asked
    journal.forget("1")  # of whom nothing else is here
    journal.record(asked, reply("g2"), "2", HERE, others=["1"], since=before)
    assert journal.request("g2") is None
    assert journal.reply("g2") is not None
    journal.record(asked, reply("g3"), "2", HERE, since=forgettings(journal))
    assert journal.request("g3") == asked


PEOPLE = ("1", "2", "3", "4")
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from(("", "a", "b", "c")),
        st.sets(st.sampled_from(PEOPLE)),
        st.sets(st.integers(0, 8)),
        st.one_of(st.none(), st.integers(0, 8)),
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(REQUESTS, st.sampled_from(PEOPLE))
def test_nothing_that_may_hold_words_of_who_is_forgotten_is_kept_and_all_else_is(
    requests: list[tuple[str, str, set[str], set[int], int | None]], forgotten: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "j.db") as journal:
        held: list[set[str]] = []  # of each request: everybody whose words stand in it
        for number, (person, channel, others, holds, repeats) in enumerate(requests):
            quoted = {each for each in (*holds, repeats) if each is not None and each < number}
            names = {f"g{each}" for each in holds if each < number}
            again = f"g{repeats}" if repeats is not None and repeats < number else ""
            held.append({person, *others}.union(*(held[each] for each in quoted)))
            place = Place("discord", "9" if channel else "", channel)
            asked, written = Request("chat", WORDS), reply(f"g{number}")
            journal.record(asked, written, person, place, others=others, holds=names, repeats=again)
        there = {channel for person, channel, *_ in requests if person == forgotten} - {""}
        journal.forget(forgotten)
        assert kept_for(journal).keys() == {
            f"g{number}"
            for number, (_, channel, *_) in enumerate(requests)
            if forgotten not in held[number] and channel not in there
        }


def test_a_shorter_time_shortens_that_of_words_already_there(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "journal.db"
    asked = Request("chat", WORDS)
    with Journal(file, 48, clock=clock) as long:
        long.record(asked, reply("g1"), "1", HERE)
        assert long.shorten_words() == 0
    with Journal(file, 2, clock=clock) as short:
        clock.now += 3600
        assert short.shorten_words() == 1
        assert short.shorten_words() == 0
        clock.now += 2 * 3600 - 1
        assert short.request("g1") == asked
        clock.now += 1
        assert short.expire_words() == 1
    # a longer time gives nothing back
    with Journal(file, 48, clock=clock) as long:
        long.record(asked, reply("g2"), "1", HERE)
        clock.now += 47 * 3600
        assert long.shorten_words() == 0
        clock.now += 3600
        assert long.request("g2") is None
