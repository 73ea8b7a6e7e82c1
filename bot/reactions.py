"""Raw reactions to Moyou's messages as facts in the journal.

Knows: that a server's table says which emoji judge, that what is taken back is taken back whatever the
table says now, how a message leads to its reply. Does not know: buttons, what the judgements are used for.

Raw events, because caches miss old messages. Events of one message are handled in the order they came.
"""

from __future__ import annotations

import asyncio
import time
from weakref import WeakValueDictionary

import discord

from bot.answering import Answering
from bot.feedback import generation_in
from bot.guilds import Guilds
from engine import Fact, Journal, emoji_label, react_once, settle_reactions, standing_reactions


def label_of(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """The name that a judgement keeps of an emoji: its id, or its characters in no skin tone."""
    if isinstance(emoji, str):
        return emoji_label(emoji)
    return emoji_label(str(emoji.id or emoji.name))


class Reactions:
    """Raw reaction events of Moyou's messages → facts."""

    def __init__(self, client: discord.Client, answering: Answering, guilds: Guilds) -> None:
        self._client = client
        self._answering = answering
        self._guilds = guilds
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def added(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=False)

    async def removed(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=True)

    async def cleared(self, message_id: int, emoji: discord.PartialEmoji | None = None) -> None:
        """All reactions (of one emoji) are gone: a moderator cleared them."""
        label = None if emoji is None else label_of(emoji)
        if label == "":
            return
        at = time.time()
        async with self._in_order(message_id):
            generation = await self._answering.journal(Journal.generation_of, message_id)
            if generation is not None:
                await self._answering.journal(Journal.clear, generation, label, at)

    async def deleted(self, message_id: int) -> None:
        """A reply (or a part of one) was taken away, and with it all that people thought of it."""
        at = time.time()
        async with self._in_order(message_id):
            generation = await self._answering.journal(Journal.generation_of, message_id)
            if generation is not None:
                await self._answering.journal(Journal.clear_all, generation, at)

    async def settle(self, message: discord.Message) -> None:
        """Make the judgements of one of our messages what its reactions say now."""
        journal, me = self._answering.journal, self._client.user
        async with self._in_order(message.id):
            generation = await journal(Journal.generation_of, message.id)
            if generation is None:
                return
            standing = await journal(standing_reactions, generation)
            if not message.reactions and not standing:
                return
            # anew: events that came since `message` was read have been handled
            message = await message.channel.fetch_message(message.id)
            values = (await self._guilds.of(None if message.guild is None else message.guild.id)).worth
            shown: dict[str, set[str]] = {}
            for reaction in message.reactions:
                label = label_of(reaction.emoji)
                if label in values or label in standing:
                    people = {str(user.id) async for user in reaction.users() if not user.bot and user != me}
                    shown.setdefault(label, set()).update(people)
            await journal(settle_reactions, generation, shown, values)

    async def _judge(self, event: discord.RawReactionActionEvent, *, withdrawn: bool) -> None:
        label = label_of(event.emoji)
        me = self._client.user
        by_bot = event.member is not None and event.member.bot
        if not label or me is None or event.user_id == me.id or by_bot:
            return
        at = time.time()
        async with self._in_order(event.message_id):
            value = (await self._guilds.of(event.guild_id)).worth.get(label, 0.0)
            if not value and not withdrawn:
                return
            generation = await self._generation(event, me.id)
            if generation is not None:
                fact = Fact(
                    generation,
                    str(event.user_id),
                    "reaction",
                    value,
                    label,
                    at=at,
                    withdrawn=withdrawn,
                )
                await self._answering.journal(react_once, fact)

    def _in_order(self, message_id: int) -> asyncio.Lock:
        lock = self._locks.get(message_id)
        if lock is None:
            lock = self._locks[message_id] = asyncio.Lock()
        return lock

    async def _generation(self, event: discord.RawReactionActionEvent, me: int) -> str | None:
        """The reply of a message; one that was sent but not yet attached is known by its buttons."""
        journal = self._answering.journal
        generation = await journal(Journal.generation_of, event.message_id)
        # a removal does not say whose message it is, and an addition has attached it before
        if generation is not None or event.message_author_id != me:
            return generation
        channel = self._client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
        try:
            message = await channel.fetch_message(event.message_id)
        except discord.HTTPException:
            return None
        generation = generation_in(message)
        if generation is not None:
            await journal(Journal.attach, generation, event.message_id)
        return generation
