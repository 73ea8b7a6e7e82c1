"""Makes up for what Discord did not tell: after a session that could not be resumed, or a crash.

Knows: which channels may hold something new, that a prompt with an answer of ours has been answered, that
a message shows its reactions and when it was edited, that what is not there was deleted. Does not know:
who is answered, or what an edit means (`bot.chat`), what a reaction is worth.

A RESUME brings everything; this is for a new session. Direct messages have no list of channels to read,
so what was sent there meanwhile is found only when its person writes again. Judgements of what is older,
or lies elsewhere, are made up for when something comes of its reply (`bot.recount`).
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import discord

from bot.answering import Answering, trace_of
from bot.reactions import Reactions
from bot.recount import UNREAD, Where
from engine import sent_in, spoke_in

log = logging.getLogger(__name__)

WINDOW = datetime.timedelta(minutes=10)
"""A prompt that is older than this is answered no more: nobody waits for it."""
SPOKEN = 86_400.0
"""Reactions are looked for where a reply was written within this many seconds."""
PAGE, MOST = 100, 500
"""Messages of a call, and of a channel at most."""
AT_ONCE = 4
"""Channels that are read at the same time."""

Edited = Callable[[discord.Message], Awaitable[None]]
Channel = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
KINDS = (discord.TextChannel, discord.VoiceChannel, discord.StageChannel)


@dataclass(frozen=True, slots=True)
class Read:
    """A channel's messages between two times, newest first: all there are."""

    where: Where
    messages: list[discord.Message]
    since: datetime.datetime
    until: datetime.datetime


class CatchingUp:
    """What was missed on one shard, made up for once it is ready."""

    def __init__(
        self, client: discord.Client, answering: Answering, reactions: Reactions, edited: Edited
    ) -> None:
        self._client = client
        self._edited = edited
        self._answering = answering
        self._reactions = reactions
        self._room = asyncio.Semaphore(AT_ONCE)

    async def shard(self, shard_id: int) -> None:
        """Reads what may have been missed in the shard's servers."""
        since = discord.utils.utcnow() - WINDOW
        channels = [
            channel
            for guild in self._client.guilds
            if guild.shard_id == shard_id
            for channel in readable(guild)
        ]
        ids = [str(channel.id) for channel in channels]
        spoken = await self._answering.journal(spoke_in, ids, time.time() - SPOKEN)
        newest = discord.utils.time_snowflake(since)
        wanted = [
            channel
            for channel in channels
            if str(channel.id) in spoken or (channel.last_message_id or 0) > newest
        ]
        # people wait for answers: reactions, which take a request each, come after all of them
        read = await asyncio.gather(*(self._prompts(channel, since) for channel in wanted))
        await asyncio.gather(*(self._judgements(each) for each in read if each is not None))
        if wanted:
            log.info("Discord: caught up in %d channels", len(wanted))

    async def _prompts(self, channel: Channel, since: datetime.datetime) -> Read | None:
        """Hands on the channel's unanswered prompts; what was read, None where that failed."""
        began = discord.utils.utcnow()
        try:
            async with self._room:
                messages = await self._recent(channel, since)
        except UNREAD as error:
            log.error("a channel could not be read again\n%s", trace_of(error))
            return None
        for message in self._unanswered(messages, since):
            self._client.dispatch("message", message)
        for message in self._changed(messages):
            await self._edited(message)
        # where a whole page came there may be more before it
        whole = len(messages) >= PAGE
        earliest = messages[-1].created_at if whole else began - datetime.timedelta(seconds=SPOKEN)
        return Read(Where(channel.id, channel.guild.id), messages, earliest, began)

    async def _judgements(self, read: Read) -> None:
        """Makes what stands about our messages what they show, and nothing where they are gone."""
        sent = await self._answering.journal(
            sent_in,
            str(read.where.channel_id),
            discord.utils.time_snowflake(read.since, high=True),
            discord.utils.time_snowflake(read.until),
        )
        there = {message.id for message in read.messages}
        for message_id in sent:
            if message_id not in there:
                await self._reactions.deleted(message_id, read.where)
        try:
            async with self._room:
                for message in read.messages:
                    if self._is_mine(message):
                        await self._reactions.settle(message)
        except UNREAD as error:
            log.error("reactions could not be read again\n%s", trace_of(error))

    async def _recent(self, channel: Channel, since: datetime.datetime) -> list[discord.Message]:
        """The newest messages, newest first: a page, and more as long as they are young."""
        found: list[discord.Message] = []
        while len(found) < MOST:
            before = found[-1] if found else None
            page = [each async for each in channel.history(limit=PAGE, before=before)]
            found += page
            if len(page) < PAGE or page[-1].created_at < since:
                break
        return found

    def _unanswered(
        self, messages: Sequence[discord.Message], since: datetime.datetime
    ) -> Iterator[discord.Message]:
        """Young messages of people that no message of ours answers, oldest first."""
        answered = self._answers(messages)
        for message in reversed(messages):
            young = message.created_at > since
            if young and message.id not in answered and not message.author.bot:
                yield message

    def _changed(self, messages: Sequence[discord.Message]) -> Iterator[discord.Message]:
        """Messages that were edited after they were answered."""
        answered = self._answers(messages)
        for message in messages:
            answer = answered.get(message.id)
            if answer is not None and message.edited_at is not None and message.edited_at > answer.created_at:
                yield message

    def _answers(self, messages: Sequence[discord.Message]) -> dict[int | None, discord.Message]:
        return {
            message.reference.message_id: message
            for message in messages
            if self._is_mine(message) and message.reference is not None
        }

    def _is_mine(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id


def readable(guild: discord.Guild) -> Iterator[Channel]:
    """The channels and threads of a server whose earlier messages we may read."""
    own = [channel for channel in guild.channels if isinstance(channel, KINDS)]
    for channel in (*own, *guild.threads):
        rights = channel.permissions_for(guild.me)
        if rights.view_channel and rights.read_message_history:
            yield channel
