"""An orderly end over real sockets: what is being written is finished or excused, nothing new is begun."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from engine import Journal
from tests.discord_server import DiscordServer
from tests.test_gateway import ME, Line, connected


async def writing(line: Line, text: str) -> dict[str, object]:
    """A prompt whose answer is being written until the engine's gate opens."""
    line.engine.gate = asyncio.Event()
    asked = await line.server.write(line.alice, f"{ME} {text}")
    await line.server.until(lambda: line.server.made("POST", r"/channels/\d+/typing"))
    async with asyncio.timeout(10):
        while not line.engine.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return dict(asked)


def replies(server: DiscordServer, asked: dict[str, object]) -> list[str]:
    return [
        each["content"]
        for each in server.said()
        if each.get("message_reference", {}).get("message_id") == asked["id"]
    ]


async def test_what_is_being_written_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        asked = await writing(line, "写一句")
        closing = asyncio.create_task(line.client.close())
        await asyncio.sleep(0)
        assert line.engine.gate is not None
        line.engine.gate.set()
        await closing
        assert replies(line.server, asked) == ["写一句!"]
        assert (await line.journal(Journal.counts)).generations == 1


async def test_what_has_no_time_left_is_excused_in_its_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bot.client.DRAIN", 0.1)
    caplog.set_level(logging.INFO)
    async with connected(tmp_path, monkeypatch) as line:
        asked = await writing(line, "write something")
        await line.client.close()
        [said] = replies(line.server, asked)
        assert said.startswith("Moyou is shutting down")
        reference = said.rpartition("reference ")[2].rstrip(")")
        assert reference in caplog.text
        ours = [each.getMessage() for each in caplog.records if each.name.startswith("bot")]
        assert not any("write something" in each for each in ours)


async def test_nothing_new_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(tmp_path, monkeypatch) as line:
        first = await writing(line, "第一句")
        closing = asyncio.create_task(line.client.close())
        await asyncio.sleep(0)
        second = await line.server.write(line.alice, f"{ME} 第二句")
        await line.server.until(lambda: replies(line.server, second))
        [said] = replies(line.server, second)
        assert "正在关闭" in said
        assert line.engine.gate is not None
        line.engine.gate.set()
        await closing
        assert replies(line.server, first) == ["第一句!"]
        assert len(line.engine.asked) == 1
