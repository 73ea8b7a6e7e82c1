"""What a reply's messages show, read from Discord: all of them at once, and once a session at least.

Knows: that a reply may be several messages and a reaction stands while it stands under any of them, that a
message from before a session may show what nobody told of, where messages may be read.
Does not know: events, their order, which replies are whose (`bot.reactions`).

How often: a reply is read when a new session first meets it, and where something under one of several
messages was taken away. Which were read is held in memory, for the newest; one that dropped out is read
once more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import discord

from bot.answering import Answering
from bot.guilds import Guilds
from engine import emoji_label, message_gone, sent_as, settle_reactions, standing_reactions

AT_ONCE = 4
"""Replies that are read at the same time; what else is due waits, and Discord's limits are the library's."""
REMEMBERED = 4096
"""Replies remembered as read."""
DOUBTED = -1.0
"""In place of the session in which a reply was read."""
UNKNOWN_MESSAGE = 10008
UNREAD = (discord.HTTPException, aiohttp.ClientError, OSError)
"""What reading may fail with: then nothing is known, and nothing is taken back."""


class Somewhere(Protocol):
    """An event: where it happened."""

    @property
    def channel_id(self) -> int: ...

    @property
    def guild_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Where:
    """A channel; no server: direct messages."""

    channel_id: int
    guild_id: int | None

    @classmethod
    def of(cls, event: Somewhere) -> Where:
        return cls(event.channel_id, event.guild_id)


def label_of(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """The name that a judgement keeps of an emoji: its id, or its characters in no skin tone."""
    if isinstance(emoji, str):
        return emoji_label(emoji)
    return emoji_label(str(emoji.id or emoji.name))


async def people_of(
    reaction: discord.Reaction, limit: int | None = None, after: discord.Object | None = None
) -> AsyncIterator[discord.User | discord.Member]:
    """Who reacted, `limit` of each kind at most, from after an id on: Discord lists super reactions apart."""
    kinds = [discord.ReactionType.normal] if reaction.normal_count or not reaction.burst_count else []
    kinds += [discord.ReactionType.burst] if reaction.burst_count else []
    for kind in kinds:
        async for user in reaction.users(limit=limit, after=after, type=kind):
            yield user


class Recount:
    """Reads replies' messages; one call at a time for one reply, which its caller sees to."""

    def __init__(self, client: discord.Client, answering: Answering, guilds: Guilds) -> None:
        self._client = client
        self._answering = answering
        self._guilds = guilds
        self._room = asyncio.Semaphore(AT_ONCE)
        self._start = time.time()
        self._began: dict[int, float] = {}
        self._read: dict[str, float] = {}

    def session(self, shard_id: int) -> None:
        """A new session began on a shard: what happened before it nobody told of."""
        self._began[shard_id] = time.time()

    def is_read(self, generation: str, where: Where) -> bool:
        """Whether a reply was read in this session, since when all that happens is told."""
        return self._read.get(generation) == self._session_of(where)

    def is_due(self, generation: str, message_id: int, where: Where) -> bool:
        """Whether a reply's message may show what nobody told of: it is from before this session, and was
        not read in it."""
        read = self._read.get(generation)
        return read == DOUBTED or (self.is_older(message_id, where) and read != self._session_of(where))

    def is_older(self, message_id: int, where: Where) -> bool:
        """Whether a message was sent before this session began."""
        return discord.utils.snowflake_time(message_id).timestamp() < self._session_of(where)

    def doubt(self, generation: str) -> None:
        """What a reply's messages show is not known: it is due, however old they are."""
        self._note(generation, DOUBTED)

    def may_read(self, where: Where) -> bool:
        """Whether reading can succeed. Only of what the library knows is that sure."""
        channel = self._client.get_channel(where.channel_id)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return True
        me = None if self._client.user is None else channel.guild.get_member(self._client.user.id)
        if me is None or (isinstance(channel, discord.Thread) and channel.parent is None):
            return True
        return channel.permissions_for(me).read_message_history

    async def reply(self, generation: str, where: Where) -> None:
        """Makes what stands about a reply what its messages show now; those that are gone it loses, and
        with the last of them all that people thought of it. Raises UNREAD: nothing was taken back.
        """
        journal, session = self._answering.journal, self._session_of(where)
        ids = await journal(sent_as, generation)
        async with self._room:
            found = [message for each in ids if (message := await self._message(each, where)) is not None]
            standing = await journal(standing_reactions, generation)
            values = (await self._guilds.of(where.guild_id)).worth
            shown = await self._shown(found, standing | values.keys())
        if found:
            await journal(settle_reactions, generation, shown, values)
        self._note(generation, session)

    async def stands(
        self, messages: Sequence[int], where: Where, person: int, emoji: discord.PartialEmoji
    ) -> bool:
        """Whether this person's emoji is under any of these messages. Raises UNREAD."""
        async with self._room:
            for each in messages:
                message = await self._message(each, where)
                for reaction in message.reactions if message is not None else ():
                    if label_of(reaction.emoji) != label_of(emoji):
                        continue
                    # people come by their ids: the first one after that before theirs
                    before = discord.Object(person - 1)
                    if any([user.id == person async for user in people_of(reaction, 1, before)]):
                        return True
        return False

    async def _message(self, message_id: int, where: Where) -> discord.Message | None:
        """A message as it is now; None: it is gone, and is its reply's no more."""
        channel = self._client.get_partial_messageable(where.channel_id, guild_id=where.guild_id)
        try:
            return await channel.fetch_message(message_id)
        except discord.NotFound as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            await self._answering.journal(message_gone, message_id)
            return None

    async def _shown(self, messages: Sequence[discord.Message], labels: Set[str]) -> dict[str, set[str]]:
        """For each of the emoji the people under any of the messages, bots left out."""
        shown: dict[str, set[str]] = {}
        for message in messages:
            for reaction in message.reactions:
                label = label_of(reaction.emoji)
                if label in labels:
                    people = {
                        str(user.id)
                        async for user in people_of(reaction)
                        if not user.bot and user != self._client.user
                    }
                    shown.setdefault(label, set()).update(people)
        return shown

    def _note(self, generation: str, session: float) -> None:
        self._read.pop(generation, None)
        self._read[generation] = session
        if len(self._read) > REMEMBERED:
            del self._read[next(iter(self._read))]

    def _session_of(self, where: Where) -> float:
        """When the session began that tells of a channel; direct messages are the first shard's."""
        shard = ((where.guild_id or 0) >> 22) % (self._client.shard_count or 1)
        return self._began.get(shard, self._start)
