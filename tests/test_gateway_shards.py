"""Two processes with a shard each, over real sockets: all is answered once, and their journals unite."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.client import MoyouClient
from bot.settings import Settings, Shards
from engine import Journal, JournalThread
from engine.journal_union import merge
from tests.discord_server import DiscordServer, payloads
from tests.discord_server.gateway import IDENTIFY
from tests.fakes import FakeEngine

ME = f"<@{payloads.APPLICATION}>"
COUNT = 2


@contextlib.asynccontextmanager
async def process(
    server: DiscordServer, path: Path, shard: int
) -> AsyncIterator[tuple[FakeEngine, JournalThread]]:
    """A client with one of the shards and a journal of its own."""
    engine = FakeEngine()
    # ids of replies are unique anywhere; the fake's are numbers
    engine._numbers = iter(range(1000 * (shard + 1), 10_000))  # type: ignore[assignment]
    settings = Settings(shards=Shards((shard,), COUNT))
    async with JournalThread(path) as journal, MoyouClient(engine, journal, settings) as client:
        running = asyncio.create_task(client.start(server.token))
        before = len(server.gateway.sessions)
        await server.until(lambda: len(server.gateway.sessions) > before or running.done())
        try:
            yield engine, journal
        finally:
            await client.close()
            await asyncio.gather(running, return_exceptions=True)


async def test_each_prompt_and_reaction_is_one_processs_and_the_journals_unite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "first.db", tmp_path / "second.db"]
    Journal(files[0]).close()
    shutil.copy(files[0], files[1])  # the second machine begins with a copy
    async with DiscordServer() as server:
        server.shards = COUNT
        monkeypatch.setattr(Route, "BASE", server.api)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", URL(server.gateway.url))
        own = (int(server.guild["id"]) >> 22) % COUNT
        other = payloads.guild("另一个")
        other["id"] = str(int(server.guild["id"]) + (1 << 22))  # the other shard's
        for channel in other["channels"]:
            channel["guild_id"] = other["id"]
        other["roles"][0]["id"] = other["id"]
        server.gateway._guilds.append(other)
        alice = payloads.user("alice")
        async with process(server, files[0], 0) as first, process(server, files[1], 1) as second:
            engines, journals = [first[0], second[0]], [first[1], second[1]]
            await server.until(lambda: server.commands)
            assert [each["d"]["shard"] for each in server.gateway.heard(IDENTIFY)] == [[0, 2], [1, 2]]
            direct = server.direct_channel(alice)
            places: list[tuple[dict[str, Any], int]] = [
                (server.channel, own),
                (other["channels"][0], 1 - own),
                (direct, 0),  # direct messages are the first shard's
            ]
            for number, (channel, shard) in enumerate(places):
                before = len(engines[shard].asked)
                await server.write(alice, f"{ME} 第{number}句", channel=channel)
                await server.until(lambda channel=channel: server.said(channel))
                assert [r.text for r in engines[shard].asked[before:]] == [f"第{number}句"]
            assert sum(len(engine.asked) for engine in engines) == len(places)
            await server.react(alice, server.said()[0], "👍")
            async with asyncio.timeout(20):
                while not list(await journals[own](Journal.signals)):  # noqa: ASYNC110  nothing tells of it
                    await asyncio.sleep(0.01)
        # only the first shard's process tells Discord of the commands
        assert len(server.made("PUT", r"/applications/\d+/commands")) == 1
        assert [len(server.said(channel)) for channel, _ in places] == [1, 1, 1]
        assert server.problems == []
    assert merge(files[0], files[1]).generations == len(engines[1].asked)
    assert merge(files[1], files[0]).generations == len(engines[0].asked)
    for file in files:
        with Journal(file) as journal:
            assert journal.counts().generations == len(places)
            assert [signal.value for signal in journal.signals()] == [1.0]
