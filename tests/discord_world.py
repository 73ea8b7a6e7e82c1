"""A virtual Discord (SimCord) with our real client in it: one server, one channel, two people.

SimCord runs discord.py's own parser, cache, command tree and views and enforces Discord's limits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import simcord

from bot.client import MoyouClient
from bot.settings import Settings
from engine import JournalThread
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

    def sent(self) -> list[discord.Message]:
        """What the bot said in the channel."""
        assert self.bot.user is not None
        return [each for each in self.channel.history() if each.author.id == self.bot.user.id]


@asynccontextmanager
async def world(
    path: Path, engine: FakeEngine | None = None, *, settings: Settings | None = None, **options: Any
) -> AsyncIterator[World]:
    engine = FakeEngine() if engine is None else engine
    # two people write more in a test than people do in a minute
    settings = Settings(member_pace=0, guild_pace=0) if settings is None else settings
    async with JournalThread(path / "journal.db", settings.keep_words_hours) as journal:
        bot = MoyouClient(engine, journal, settings, shard_count=options.pop("shard_count", 1))
        async with simcord.run(bot, **options) as env:
            guild = env.create_guild("一个服务器")
            channel = guild.create_text_channel("闲聊")
            alice = guild.add_member(env.create_user("alice"))
            bob = guild.add_member(env.create_user("bob"))
            yield World(env, bot, engine, journal, guild, channel, alice, bob)
