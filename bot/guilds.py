"""What the moderators of each server decided, as everything else in the bot reads it.

Knows: one server's decisions by its id, remembered after the first look; which channel a thread hangs on;
whether a message is heard at all. Does not know: how decisions are made (`bot.guild_page`) or stored.

    settings = await guilds.of(message.guild.id)              a GuildSettings; of None: the defaults
    settings.is_home(*guilds.places(guild.id, channel.id))     every message here is meant for Moyou
    await guilds.hears(message)                               False: it stays silent here, now
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import discord

from engine import GuildSettings, JournalThread, begin_digests, guild_settings, set_guild_settings

NOTHING_DECIDED = GuildSettings()


class Guilds:
    """The servers of one client. Only this process changes their settings: a server has one shard."""

    def __init__(
        self, client: discord.Client, journal: JournalThread, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._journal = journal
        self._clock = clock
        self._known: dict[int, GuildSettings] = {}

    async def of(self, guild_id: int | None) -> GuildSettings:
        """The decisions of a server; of a direct message, or of a server Moyou is not in, the defaults."""
        if guild_id is None:
            return NOTHING_DECIDED
        known = self._known.get(guild_id)
        if known is not None:
            return known
        guild = self._client.get_guild(guild_id)
        if guild is None:
            return NOTHING_DECIDED
        channels = [str(channel.id) for channel in guild.channels]
        settings = await self._journal(guild_settings, str(guild_id), channels)
        if not guild.unavailable:  # an outage: its channels come later
            self._known[guild_id] = settings
        return settings

    async def change(self, guild_id: int, **changes: Any) -> GuildSettings:
        """The decisions with some of them replaced, kept from now on."""
        before = await self.of(guild_id)
        settings = dataclasses.replace(before, **changes)
        if settings.has_digest and not _same_digest(before, settings, self._clock()):
            # what was due before the decision is not made up for
            await self._journal(begin_digests, str(guild_id), settings.digest_due(self._clock()))
        await self._journal(set_guild_settings, str(guild_id), settings)
        self._known[guild_id] = settings
        return settings

    async def is_home(self, guild_id: int, channel_id: int) -> bool:
        """Whether Moyou answers every person in this channel (or thread of one), mentioned or not."""
        return (await self.of(guild_id)).is_home(*self.places(guild_id, channel_id))

    async def report_channel(self, guild_id: int) -> int | None:
        """The channel where moderators read reports; None: they chose none."""
        chosen = (await self.of(guild_id)).report_channel
        return int(chosen) if chosen else None

    def forget(self, guild_id: int) -> None:
        """The server was left."""
        self._known.pop(guild_id, None)

    def places(self, guild_id: int, channel_id: int) -> tuple[str, ...]:
        """A channel's id and, for a thread, that of the channel it hangs on."""
        # asked of its server: the client would look through all it is in
        guild = self._client.get_guild(guild_id)
        channel = None if guild is None else guild.get_channel_or_thread(channel_id)
        parent = getattr(channel, "parent_id", None)
        return (str(channel_id),) if parent is None else (str(channel_id), str(parent))

    def now(self) -> float:
        return self._clock()

    async def hears(self, message: discord.Message) -> bool:
        """Whether it may answer where and when a message was written: silence needs no words."""
        if message.guild is None:
            return True
        settings = await self.of(message.guild.id)
        return settings.may_speak(
            *self.places(message.guild.id, message.channel.id)
        ) and not settings.is_quiet(self._clock())


def _same_digest(before: GuildSettings, after: GuildSettings, now: float) -> bool:
    return (
        before.has_digest
        and before.digest_channels == after.digest_channels
        and before.digest_due(now) == after.digest_due(now)
    )
