"""Whose words of a request the journal keeps, and until when: others, repeats, a setting that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine import danger
from engine.journal import Journal
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
