"""engine/journal_summaries.py: who is left out, one digest a period, and nothing left of either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import (
    Claim,
    Journal,
    begin_digests,
    claim_digest,
    digest_sent,
    forget_guild,
    forget_left_guilds,
    leave_out,
    left_out,
    note_guilds,
    silent_in,
)
from engine.journal_guilds import DAY
from engine.journal_summaries import LOST
from engine.journal_union import merge


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(tmp_path / "j.db", clock=clock) as opened:
        yield opened


def test_moderators_leave_members_out_of_their_own_server(journal: Journal) -> None:
    assert silent_in(journal, "100", ["1", "2"]) == frozenset()
    leave_out(journal, "100", ["1", "2"], True)
    assert silent_in(journal, "100", ["1", "2", "3"]) == {"1", "2"}
    assert silent_in(journal, "200", ["1", "2", "3"]) == frozenset()
    leave_out(journal, "100", ["2"], False)
    assert silent_in(journal, "100", ["1", "2", "3"]) == {"1"}
    assert (left_out(journal, "100"), left_out(journal, "200")) == (1, 0)
    leave_out(journal, "123456789012345678", ["876543210987654321"], True)
    journal._empty_log()
    content = journal.path.read_bytes()
    assert b"123456789012345678" not in content
    assert b"876543210987654321" not in content


def test_who_wants_nothing_kept_is_left_out_everywhere(journal: Journal) -> None:
    journal.set_keep("1", False)
    assert silent_in(journal, "100", ["1", "2"]) == {"1"}
    assert silent_in(journal, "", ["1"]) == {"1"}
    journal.set_keep("1", True)
    assert silent_in(journal, "100", ["1"]) == frozenset()


def test_forget_me_takes_the_moderators_note_along(journal: Journal) -> None:
    leave_out(journal, "100", ["1", "2"], True)
    journal.forget("1")
    assert silent_in(journal, "100", ["1", "2"]) == {"2"}
    rows = journal._db.execute("SELECT count(*) FROM left_out").fetchone()
    assert rows == (1,)


def test_a_digest_is_taken_once(journal: Journal) -> None:
    assert claim_digest(journal, "100", 50) == Claim(0, False)
    assert claim_digest(journal, "100", 50) is None
    digest_sent(journal, "100", 50)
    assert claim_digest(journal, "100", 50) is None
    assert claim_digest(journal, "100", 40) is None, "the clock of another process is behind"
    assert claim_digest(journal, "200", 50) == Claim(0, False)
    assert claim_digest(journal, "100", 60) == Claim(50, False)


def test_another_process_on_the_same_file_gets_none(journal: Journal, clock: Clock) -> None:
    with Journal(journal.path, clock=clock) as other:
        assert claim_digest(journal, "100", 50) is not None
        assert claim_digest(other, "100", 50) is None
        digest_sent(journal, "100", 50)
        assert claim_digest(other, "100", 60) == Claim(50, False)


def test_what_a_dead_process_took_is_taken_again_and_says_so(journal: Journal, clock: Clock) -> None:
    begin_digests(journal, "100", 40)
    assert claim_digest(journal, "100", 50) == Claim(40, False)
    clock.now += LOST - 1
    assert claim_digest(journal, "100", 50) is None
    clock.now += 1
    assert claim_digest(journal, "100", 50) == Claim(40, True)
    assert claim_digest(journal, "100", 50) is None
    # never sent: the next one begins where the last that was sent ended
    assert claim_digest(journal, "100", 60) == Claim(40, False)
    digest_sent(journal, "100", 60)
    assert claim_digest(journal, "100", 70) == Claim(60, False)


def test_a_server_that_begins_gets_no_digest_of_before(journal: Journal) -> None:
    begin_digests(journal, "100", 50)
    assert claim_digest(journal, "100", 50) is None
    assert claim_digest(journal, "100", 60) == Claim(50, False)


def rows(journal: Journal) -> int:
    return sum(
        journal._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("left_out", "digests")
    )


def test_they_go_with_the_server(journal: Journal, clock: Clock) -> None:
    note_guilds(journal, ["100", "200"])
    for guild in ("100", "200"):
        leave_out(journal, guild, ["1"], True)
        begin_digests(journal, guild, 50)
    forget_guild(journal, "100")
    assert rows(journal) == 2
    clock.now += 31 * DAY
    forget_left_guilds(journal, 30)
    assert rows(journal) == 0


def test_journals_unite_to_what_was_decided_last(tmp_path: Path, clock: Clock) -> None:
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    with Journal(one, clock=clock) as journal:
        leave_out(journal, "100", ["1", "2"], True)
        begin_digests(journal, "100", 50)
    merge(two, one)
    clock.now += 10
    with Journal(two, clock=clock) as journal:
        assert left_out(journal, "100") == 2
        leave_out(journal, "100", ["2"], False)
        assert claim_digest(journal, "100", 60) == Claim(50, False)
        digest_sent(journal, "100", 60)
    for _ in range(2):
        merge(one, two)
        merge(two, one)
    for file in (one, two):
        with Journal(file, clock=clock) as journal:
            assert silent_in(journal, "100", ["1", "2"]) == {"1"}
            assert claim_digest(journal, "100", 60) is None
