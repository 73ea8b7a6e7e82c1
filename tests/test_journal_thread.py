"""The journal's own thread: one for everything, opened and closed in order, erasing while idle."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from engine.errors import JournalUnreadable, ShuttingDown
from engine.journal import Fact, Journal
from engine.journal_thread import SETTLE_SECONDS, JournalThread
from engine.values import Request
from tests.replies import HERE, WORDS, reply


async def test_the_thread_runs_everything_on_one_thread_that_is_not_ours(tmp_path: Path) -> None:
    seen = set()

    def where(journal: Journal) -> int:
        seen.add(threading.get_ident())
        return 3

    async with JournalThread(tmp_path / "j.db") as journal:
        assert await journal(where) == 3
        assert await journal(Journal.record, Request("chat"), reply("g1"), "1", HERE)
        results = await asyncio.gather(
            *(journal(Journal.react, Fact("g1", str(n), "reaction", 1.0, "👍")) for n in range(20)),
            journal(where),
        )
        assert results == [True] * 20 + [3]
        signals = await journal(Journal.signals)
        assert len(list(signals)) == 20
        with pytest.raises(sqlite3.IntegrityError):
            await journal(Journal.record, Request("chat"), reply("g1"), "1", HERE)
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    await journal.close()
    with pytest.raises(ShuttingDown):
        await journal(Journal.counts)


async def test_the_thread_opens_with_the_first_call_and_says_why_it_cannot(tmp_path: Path) -> None:
    lazy = JournalThread(tmp_path / "j.db")
    assert (await lazy(Journal.counts)).generations == 0
    await lazy.close()
    with pytest.raises(JournalUnreadable):
        async with JournalThread(tmp_path):
            pass


async def test_the_thread_erases_expired_words_while_nobody_asks(tmp_path: Path) -> None:
    async with JournalThread(tmp_path / "j.db", keep_words_hours=0.05 / 3600, expiry_seconds=0.02) as journal:
        await journal(Journal.record, Request("chat", text=WORDS), reply("g1"), "1", HERE)
        for _ in range(500):
            await asyncio.sleep(0.02)
            if WORDS.encode() not in (tmp_path / "j.db").read_bytes() + (tmp_path / "j.db-wal").read_bytes():
                break
        else:
            pytest.fail("the words are still there")
        assert await journal(Journal.given_again, "g1", Request("chat", text=WORDS))


async def test_the_thread_shortens_the_time_of_words_that_are_already_there(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    with Journal(file, 48) as long:
        long.record(Request("chat", text=WORDS), reply("g1"), "1", HERE)
    async with JournalThread(file, keep_words_hours=2) as journal:
        assert await journal(Journal.expire_words, time.time() + 2 * 3600 + 60) == 1


async def test_what_reads_long_runs_beside_and_holds_nobody_up(tmp_path: Path) -> None:
    async with JournalThread(tmp_path / "journal.db") as journal:
        begun, go_on = threading.Event(), threading.Event()

        def long(one: Journal) -> int:
            begun.set()
            assert go_on.wait(30)
            return one.counts().generations

        running = asyncio.create_task(journal.beside(long))
        await asyncio.to_thread(begun.wait, 30)
        assert (await journal(Journal.counts)).generations == 0
        assert not running.done()
        go_on.set()
        assert await running == 0
    with pytest.raises(ShuttingDown):
        await journal.beside(Journal.counts)


async def test_what_a_call_raises_reaches_its_caller_and_the_thread_goes_on(tmp_path: Path) -> None:
    class Odd(BaseException):
        pass

    def fails(journal: Journal) -> None:
        raise Odd

    async with JournalThread(tmp_path / "j.db") as journal:
        with pytest.raises(Odd):
            await journal(fails)
        assert (await journal(Journal.counts)).generations == 0


async def test_a_call_that_is_cancelled_before_its_turn_is_not_made(tmp_path: Path) -> None:
    going, held = threading.Event(), threading.Event()

    def hold(journal: Journal) -> None:
        going.set()
        held.wait(20)

    async with JournalThread(tmp_path / "j.db") as journal:
        first = journal(hold)
        await asyncio.to_thread(going.wait, 20)
        second = journal(Journal.record, Request("chat"), reply("g1"), "1", HERE)
        second.cancel()
        held.set()
        await first
        assert (await journal(Journal.counts)).generations == 0


async def test_what_was_committed_is_on_the_disk_soon_and_once_for_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fsync(file: int) -> None:
        synced.append(os.fstat(file).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "j.db"
    async with JournalThread(path) as journal:
        journal.settle_soon()  # nothing yet, not even a log
        for number in range(5):
            await journal(Journal.record, Request("chat"), reply(f"g{number}"), "1", HERE, on_disk=False)
            journal.settle_soon()
        log = path.with_name("j.db-wal").stat().st_ino
        for _ in range(500):
            if synced:
                break
            await asyncio.sleep(0.02)
        await journal(Journal.counts)
        assert set(synced) == {log}
        assert len(synced) <= 3
        journal.settle_soon()
    await asyncio.sleep(2 * SETTLE_SECONDS)  # closed by now: nothing more is done
    journal.settle_soon()
    assert len(synced) <= 3


async def test_a_disk_that_fails_is_logged_and_does_not_end_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fsync(file: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fsync)
    async with JournalThread(tmp_path / "j.db") as journal:
        assert await journal(Journal.record, Request("chat"), reply("g1"), "1", HERE, on_disk=False)
        journal.settle_soon()
        for _ in range(500):
            if caplog.records:
                break
            await asyncio.sleep(0.02)
        assert "could not be brought to the disk" in caplog.text
        assert (await journal(Journal.counts)).generations == 1
