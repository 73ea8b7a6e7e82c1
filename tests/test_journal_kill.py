"""Killed with SIGKILL in the middle of writing, the journal lacks nothing that it acknowledged.

A child process records replies and reactions without end and prints a line after each call that
returned; once the parent has read enough lines it kills the child, which is then in the middle of
writing (it never stops by itself).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from engine.journal import Fact, Journal, Place
from engine.journal_body import as_kept
from engine.journal_thread import JournalThread
from engine.values import Draft, Reply, Request

ROOT = Path(__file__).resolve().parents[1]


def made(generation: str) -> tuple[Request, Reply]:
    latent = tuple(float(value) / 7 for value in range(64))
    drafts = tuple(
        Draft(
            f"第{n}稿 {generation}",
            f"第{n}稿 {generation}",
            "generated",
            latent,
            -9.5,
            {"fluency": 0.1},
            n / 3,
        )
        for n in range(8)
    )
    reply = Reply(
        generation, "chat", drafts[3].text, "generated", "talk@0", 7, {"temperature": 0.8}, drafts, 3
    )
    return Request("chat", text=f"问 {generation}"), reply


def fact(generation: str) -> Fact:
    return Fact(generation, "2", "reaction", 1.0, "👍")


def acknowledge(what: str, generation: str) -> None:
    os.write(1, f"{what} {generation}\n".encode())  # one write: lines of two tasks never mix


def write_alone(path: Path) -> None:
    with Journal(path) as journal:
        for number in itertools.count():
            generation = f"g{number}"
            journal.record(*made(generation), "1", Place("console"))
            acknowledge("reply", generation)
            journal.react(fact(generation))
            acknowledge("fact", generation)


async def write_together(path: Path) -> None:
    """A hundred at a time, as the bot does it."""

    async def one(journal: JournalThread, worker: int) -> None:
        for number in itertools.count():
            generation = f"g{worker}-{number}"
            await journal(Journal.record, *made(generation), "1", Place("discord"), on_disk=False)
            journal.settle_soon()
            acknowledge("reply", generation)
            await journal(Journal.react, fact(generation))
            acknowledge("fact", generation)

    async with JournalThread(path) as journal:
        await asyncio.gather(*(one(journal, worker) for worker in range(100)))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("how", ["alone", "together"])
@pytest.mark.parametrize("enough", [1, 50, 100, 173])
def test_nothing_acknowledged_is_lost(tmp_path: Path, how: str, enough: int) -> None:
    path = tmp_path / "journal.db"
    command = [sys.executable, __file__, how, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as child:
        assert child.stdout is not None
        lines = list(itertools.islice(child.stdout, enough))
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()  # acknowledged between our last read and its end
    assert child.returncode == -signal.SIGKILL
    acknowledged = [line.decode().split() for line in lines if line.endswith(b"\n")]
    assert len(acknowledged) >= enough

    with Journal(path) as journal:
        with Database(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        judged = {found.generation for found in journal.signals()}
        for what, generation in acknowledged:
            if what == "reply":
                request, reply = made(generation)
                assert journal.reply(generation) == as_kept(reply)
                assert journal.request(generation) == request
            else:
                assert generation in judged
        # and it goes on
        assert journal.record(*made("after"), "1", Place("console"))
        assert journal.react(fact("after"))


if __name__ == "__main__":
    if sys.argv[1] == "alone":
        write_alone(Path(sys.argv[2]))
    else:
        asyncio.run(write_together(Path(sys.argv[2])))
