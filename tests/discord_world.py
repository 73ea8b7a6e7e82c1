"""A virtual Discord (SimCord) with our real client in it: one server, one channel, two people.

SimCord runs discord.py's own parser, cache, command tree and views and enforces Discord's limits. What it
does not enforce is held when a world ends: every request body that the bot sent is one that Discord takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord

from bot.client import MoyouClient
from bot.settings import Settings
from engine import JournalThread
from tests.discord_limits import problems
from tests.discord_server.routes import is_known
from tests.fakes import FakeEngine


@dataclass
class World:
    """A bot in a virtual Discord, with one server, one channel and two people."""

    env: Any
    bot: MoyouClient
    engine: FakeEngine
    journal: JournalThread
    guild: Any
    channel: Any
    alice: Any
    bob: Any

    @property
    def me(self) -> str:
        assert self.bot.user is not None
        return self.bot.user.mention

    def sent(self, channel: Any = None) -> list[discord.Message]:
        """What the bot said in the channel."""
        assert self.bot.user is not None
        history = (self.channel if channel is None else channel).history()
        return [each for each in history if each.author.id == self.bot.user.id]

    def threads(self) -> list[Any]:
        """Open threads of the server, as channels that people write in."""
        stored = self.env.backend.active_threads(self.guild.id)
        return [simcord.ChannelHandle(self.env, self.guild, each) for each in stored]

    def thread_of(self, owner: Any) -> Any:
        """A thread that somebody opened in the channel."""
        stored = self.env.backend.create_thread(self.channel.id, "一个话题", owner.id)
        return simcord.ChannelHandle(self.env, self.guild, stored)

    def calls(self, method: str, end: str) -> list[Any]:
        """The bot's requests to paths that end like this, oldest first."""
        return [call for call in self.env.http_requests if call.method == method and call.path.endswith(end)]

    @contextmanager
    def interactions(self, **fields: Any) -> Iterator[None]:
        """Meanwhile interactions have these fields, which SimCord does not let people choose: `locale`,
        `context`, `authorizing_integration_owners`, …"""
        backend = self.env.backend
        emit = backend.emit

        def changed(event: str, payload: dict[str, Any], *more: Any, **options: Any) -> Any:
            if event == "INTERACTION_CREATE":
                payload.update(fields)
            return emit(event, payload, *more, **options)

        backend.emit = changed
        try:
            yield
        finally:
            del backend.emit


@asynccontextmanager
async def world(
    path: Path, engine: FakeEngine | None = None, *, settings: Settings | None = None, **options: Any
) -> AsyncIterator[World]:
    engine = FakeEngine() if engine is None else engine
    # two people write more in a test than people do in a minute
    settings = Settings(member_pace=0, guild_pace=0) if settings is None else settings
    async with JournalThread(path / "journal.db", settings.keep_words_hours) as journal:
        bot = MoyouClient(engine, journal, settings, shard_count=options.pop("shard_count", 1))
        # by the machine's own clock; a busy machine needs some, a slow model takes 10 s here
        async with simcord.run(bot, **{"settle_timeout": 8.0, **options}) as env:
            guild = env.create_guild("一个服务器")
            channel = guild.create_text_channel("闲聊")
            alice = guild.add_member(env.create_user("alice"))
            bob = guild.add_member(env.create_user("bob"))
            yield World(env, bot, engine, journal, guild, channel, alice, bob)
        for call in env.http_requests:
            # 429 is tried on every route that is known (tests/test_gateway_limits.py)
            assert is_known(call.method, call.path), f"{call.method} {call.path} is no known route"
            found = problems(call.method, call.path, call.json)
            assert not found, f"{call.method} {call.path}: {found}"
