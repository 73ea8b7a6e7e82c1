"""The journal's own thread: one for everything, opened and closed in order, erasing while idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
import weakref
from pathlib import Path

import pytest

from engine.errors import JournalUnreadable, ShuttingDown
from engine.journal import Fact, Journal
from engine.journal_thread import JournalThread
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

    def stops(journal: Journal) -> None:
        raise StopIteration

    async with JournalThread(tmp_path / "j.db") as journal:
        with pytest.raises(Odd):
            await journal(fails)
        with pytest.raises(RuntimeError, match="StopIteration"):  # a future may not hold one
            await journal(stops)
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


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files that were brought to the disk by us, by inode."""
    found: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: found.append(os.fstat(file).st_ino))
    return found


async def test_what_was_committed_is_on_the_disk_soon_and_once_for_many(
    tmp_path: Path, synced: list[int]
) -> None:
    path = tmp_path / "j.db"
    going, held = threading.Event(), threading.Event()

    def hold(journal: Journal) -> None:
        going.set()
        held.wait(20)

    async with JournalThread(path) as journal:
        waiting = journal(hold)
        await asyncio.to_thread(going.wait, 20)
        records = []
        for number in range(5):
            records.append(
                journal(Journal.record, Request("chat"), reply(f"g{number}"), "1", HERE, on_disk=False)
            )
            journal.settle_soon()
        held.set()
        await asyncio.gather(waiting, *records)
        log = path.with_name("j.db-wal").stat().st_ino
        for _ in range(500):
            if synced:
                break
            await asyncio.sleep(0.02)
        assert synced == [log]
        assert journal._settling is None
        journal.settle_soon()
        assert journal._settling is not None


async def test_closing_brings_what_is_committed_to_the_disk_whoever_else_has_the_file(
    tmp_path: Path, synced: list[int]
) -> None:
    path = tmp_path / "j.db"
    with Journal(path):
        async with JournalThread(path) as journal:
            await journal(Journal.record, Request("chat"), reply("g1"), "1", HERE, on_disk=False)
            journal.settle_soon()
        assert synced == [path.with_name("j.db-wal").stat().st_ino]
        journal.settle_soon()
        assert journal._settling is None or journal._settling.cancelled()


async def test_a_close_that_is_cancelled_still_closes(tmp_path: Path) -> None:
    going, held = threading.Event(), threading.Event()

    def hold(journal: Journal) -> None:
        going.set()
        held.wait(20)

    journal = JournalThread(tmp_path / "j.db")
    waiting = journal(hold)
    await asyncio.to_thread(going.wait, 20)
    closing = asyncio.create_task(journal.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    held.set()
    await journal.close()
    await waiting
    await asyncio.to_thread(journal._thread.join, 20)
    assert journal._journal is None
    assert not journal._thread.is_alive()


async def test_nothing_of_a_call_is_held_while_no_other_comes(tmp_path: Path) -> None:
    class Words(list[str]):
        pass

    def fails(journal: Journal, words: Words) -> None:
        raise ValueError

    async with JournalThread(tmp_path / "j.db") as journal:
        for method in (lambda journal, words: None, fails):
            words = Words(["今天"])
            gone = weakref.ref(words)
            with contextlib.suppress(ValueError):
                await journal(method, words)
            del words
            for _ in range(500):
                if gone() is None:
                    break
                await asyncio.sleep(0.01)
            assert gone() is None


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
        assert "may not be on the disk" in caplog.text
        assert (await journal(Journal.counts)).generations == 1
