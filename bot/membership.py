"""Coming to a server, being in it, and its end: the welcome, the journal's note, the erasure.

Knows: where a first message may be written and what is in it; that everything of a server goes some days
after Moyou left. Does not know: what belongs to a server (the journal does).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import discord

from bot.answering import Answering
from bot.guilds import Guilds
from bot.shards import note_shards
from bot.tending import Tending
from bot.wording import language, say
from engine import Task, forget_left_guilds, note_guilds

log = logging.getLogger(__name__)

EVERY = 3600.0
NAMED = ("poem", "continue", "translate", "ask")
"""The tasks that the welcome names."""


class Membership:
    """The servers that this client's shards are in."""

    def __init__(self, client: discord.Client, answering: Answering, guilds: Guilds) -> None:
        self._client = client
        self._answering = answering
        self._guilds = guilds
        self.tending = Tending("servers", EVERY, self.note)

    async def joined(self, guild: discord.Guild) -> None:
        """Says once what it does and keeps, where people will see it."""
        await self._answering.journal(note_guilds, [str(guild.id)])
        channel = first_channel(guild)
        if channel is None:
            return
        settings = self._answering.settings
        text = welcome(
            self._answering.engine.tasks,
            language(str(guild.preferred_locale)),
            settings.keep_words_hours,
            settings.keep_left_days,
        )
        # the nonce: a join that Discord tells twice is greeted once
        await channel.send(text, nonce=f"welcome-{guild.id}"[:25])

    def left(self, guild_id: int) -> None:
        self._guilds.forget(guild_id)
        log.info("left a server; what it holds goes in %g days", self._answering.settings.keep_left_days)

    async def note(self) -> None:
        """We are in these servers now; everything of those left too long ago is erased."""
        # an outage: Discord still lists the server
        await self._answering.journal(note_guilds, [str(guild.id) for guild in self._client.guilds])
        await note_shards(self._answering.journal, self._answering.settings)
        gone = await self._answering.journal(forget_left_guilds, self._answering.settings.keep_left_days)
        if gone.generations:
            log.info("erased %d replies of servers that were left", gone.generations)


def first_channel(guild: discord.Guild) -> discord.TextChannel | None:
    """Where a first message may be written: the channel for such messages, else the uppermost."""
    me = guild.me
    upwards = sorted(guild.text_channels, key=lambda channel: channel.position)
    for channel in ([guild.system_channel] if guild.system_channel else []) + upwards:
        rights = channel.permissions_for(me)
        if rights.view_channel and rights.send_messages:
            return channel
    return None


def welcome(tasks: Mapping[str, Task], locale: str, keep_words_hours: float, keep_left_days: float) -> str:
    """What Moyou does, what it keeps, who decides: in one message."""
    locale_of_names = "en" if locale == "en" else "zh-CN"
    names = [f"/{tasks[name].names[locale_of_names]}" for name in NAMED if name in tasks]
    kept = (
        say("guild.welcome.kept", locale, hours=f"{keep_words_hours:g}")
        if keep_words_hours
        else say("guild.welcome.not_kept", locale)
    )
    days = say("guild.welcome.days", locale, days=f"{keep_left_days:g}")
    return say("guild.welcome", locale, commands=" ".join(names), kept=kept, days=days)
