"""engine/journal_reports.py: which reports stand, of which server, and nothing of who made them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import REPORT, Fact, Journal, Place, Request, reports
from tests.replies import reply

HERE, THERE = Place("discord", "100", "1"), Place("discord", "200", "2")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "j.db") as opened:
        for number, place in enumerate((HERE, HERE, THERE), start=1):
            written = reply(f"g{number}", f"一句{number}")
            opened.record(Request("chat", "你好"), written, "asker", place)
        opened.attach("g1", "900000000000000001")
        yield opened


def report(generation: str, person: str, reason: str = "", at: float = 1.0, **fields: bool) -> Fact:
    return Fact(generation, person, "button", -1.0, REPORT, reason, at=at, **fields)


def test_a_servers_reports_newest_first_with_the_place_where_it_is_known(journal: Journal) -> None:
    for fact in (
        report("g1", "alice", "spam", at=1.0),
        report("g3", "alice", at=2.0),
        report("g2", "bob", "private\n别这样", at=3.0),
        report("g1", "bob", "other", at=4.0),
    ):
        assert journal.react(fact)
    assert [each.generation for each in reports(journal)] == ["g1", "g2", "g3"]
    first, second = reports(journal, "100", ["1", "2"])
    assert (first.at, first.reasons) == (4.0, ("other", "spam"))
    assert (first.channel, first.message, first.own_text) == ("1", "900000000000000001", "一句1")
    assert (second.reasons, second.message) == (("private\n别这样",), "")
    assert [each.channel for each in reports(journal, "100")] == ["", ""]
    assert [each.generation for each in reports(journal, most=1)] == ["g1"]
    assert reports(journal, "300") == ()
    assert "alice" not in repr(reports(journal))
    assert journal._hash("person", "alice") not in repr(reports(journal))


def test_a_person_reports_once_and_what_no_longer_stands_is_gone(journal: Journal) -> None:
    journal.react(report("g1", "alice", "spam"))
    journal.react(report("g1", "alice", "harmful"))
    [found] = reports(journal)
    assert found.reasons == ("harmful",)
    # a 👎 is no report, and a 👍 afterwards does not take one back
    journal.react(Fact("g2", "bob", "button", -1.0, "buttons"))
    journal.react(Fact("g1", "alice", "button", 1.0, "buttons"))
    assert [each.generation for each in reports(journal)] == ["g1"]
    journal.clear_all("g1")  # a moderator deleted the reply
    assert reports(journal) == ()
    journal.react(report("g3", "alice"))
    journal.forget("asker")  # its words were never theirs alone, but the reply was
    assert reports(journal) == ()
