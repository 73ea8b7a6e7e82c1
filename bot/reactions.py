"""Raw reactions to Moyou's messages as facts in the journal.

Knows: that a server's table says which emoji judge, that what is taken back is taken back whatever the
table says now, how a message leads to its reply, when what its messages show is read (`bot.recount`).
Does not know: buttons, what the judgements are used for.

Raw events, because caches miss old messages. Events of one message are handled in the order they came, and
one at a time those of one reply. A reply may be several messages, and the facts do not say under which of
them somebody judged: a reaction stands while it stands under any of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from weakref import WeakValueDictionary

import discord

from bot.answering import Answering, trace_of
from bot.feedback import generation_in
from bot.guilds import Guilds
from bot.recount import UNREAD, Recount, Where, label_of
from engine import Fact, Journal, message_gone, react_once, sent_as, standing_reactions

log = logging.getLogger(__name__)


class Reactions:
    """Raw reaction events of Moyou's messages → facts."""

    def __init__(self, client: discord.Client, answering: Answering, guilds: Guilds) -> None:
        self._client = client
        self._answering = answering
        self._guilds = guilds
        self._recount = Recount(client, answering, guilds)
        self._locks: WeakValueDictionary[int | str, asyncio.Lock] = WeakValueDictionary()

    def session(self, shard_id: int) -> None:
        """A new session began on a shard: what was missed is made up for, reply by reply."""
        self._recount.session(shard_id)

    async def added(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=False)

    async def removed(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=True)

    async def cleared(
        self, event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent
    ) -> None:
        """All reactions (of one emoji) are gone from a message: a moderator cleared them."""
        label = label_of(event.emoji) if isinstance(event, discord.RawReactionClearEmojiEvent) else None
        if label == "":
            return
        at, journal = time.time(), self._answering.journal
        async with self._in_order(event.message_id):
            generation = await journal(Journal.generation_of, event.message_id)
            if generation is None:
                return
            async with self._in_order(generation):
                where, messages = Where.of(event), await journal(sent_as, generation)
                due = self._recount.is_due(generation, event.message_id, where)
                if not due and not await self._stands(generation, label):
                    return
                if (due or len(messages) > 1) and await self._recounted(generation, where):
                    return
                await journal(Journal.clear, generation, label, at)

    async def deleted(self, message_id: int, where: Where) -> None:
        """A message of a reply was taken away, and with the last of them all that people thought of it."""
        at, journal = time.time(), self._answering.journal
        async with self._in_order(message_id):
            generation = await journal(Journal.generation_of, message_id)
            if generation is None:
                return
            async with self._in_order(generation):
                if await journal(message_gone, message_id, at):
                    await self._recounted(generation, where)

    async def settle(self, message: discord.Message) -> None:
        """Make the judgements of the reply that one of our messages is (a part of) what they are shown to
        be now, if that was not done in this session. Raises UNREAD."""
        journal = self._answering.journal
        where = Where(message.channel.id, None if message.guild is None else message.guild.id)
        async with self._in_order(message.id):
            generation = await journal(Journal.generation_of, message.id)
            if generation is None:
                return
            async with self._in_order(generation):
                if self._recount.is_read(generation, where):
                    return
                standing = await journal(standing_reactions, generation)
                # where another part shows something, it is that part's to say
                if message.reactions or standing:
                    # anew: events that came since `message` was read have been handled
                    await self._recount.reply(generation, where)

    async def _judge(self, event: discord.RawReactionActionEvent, *, withdrawn: bool) -> None:
        label = label_of(event.emoji)
        me = self._client.user
        by_bot = event.member is not None and event.member.bot
        if not label or me is None or event.user_id == me.id or by_bot:
            return
        at, journal, where = time.time(), self._answering.journal, Where.of(event)
        async with self._in_order(event.message_id):
            value = (await self._guilds.of(event.guild_id)).worth.get(label, 0.0)
            if value or withdrawn:
                generation = await self._generation(event, me.id)
            elif event.message_author_id == me.id:  # it judges nothing, but is a first contact
                generation = await journal(Journal.generation_of, event.message_id)
            else:
                return
            if generation is None:
                return
            async with self._in_order(generation):
                if self._recount.is_due(generation, event.message_id, where):
                    await self._recounted(generation, where)
                if withdrawn and not await self._stands(generation, label):
                    return
                if withdrawn and await self._stands_elsewhere(generation, event):
                    return
                fact = Fact(
                    generation,
                    str(event.user_id),
                    "reaction",
                    value,
                    label,
                    at=at,
                    withdrawn=withdrawn,
                )
                if value or withdrawn:
                    await journal(react_once, fact)

    async def met(self, message: discord.Message, where: Where) -> None:
        """Somebody pressed a button of one of our messages: a first contact, as any event of it."""
        if not self._recount.is_older(message.id, where):
            return
        journal = self._answering.journal
        async with self._in_order(message.id):
            generation = await journal(Journal.generation_of, message.id)
            if generation is None:
                return
            async with self._in_order(generation):
                if self._recount.is_due(generation, message.id, where):
                    await self._recounted(generation, where)

    async def _stands(self, generation: str, label: str | None) -> bool:
        """Whether anybody's reaction stands about a reply, or anybody's of this emoji."""
        standing = await self._answering.journal(standing_reactions, generation)
        return bool(standing) if label is None else label in standing

    async def _recounted(self, generation: str, where: Where) -> bool:
        """Whether a reply could be read again, and stands as it is shown. If not, the next event of it
        tries again."""
        try:
            if self._recount.may_read(where):
                await self._recount.reply(generation, where)
                return True
        except UNREAD as error:
            log.error("reactions could not be read again\n%s", trace_of(error))
        self._recount.doubt(generation)
        return False

    async def _stands_elsewhere(self, generation: str, event: discord.RawReactionActionEvent) -> bool:
        """Whether what was taken back from one of a reply's messages is under another one still.

        Where that cannot be read it is taken back, as its person did, until it can be.
        """
        where = Where.of(event)
        messages = await self._answering.journal(sent_as, generation)
        others = [each for each in messages if each != event.message_id]
        if not others:
            return False
        try:
            if self._recount.may_read(where):
                return await self._recount.stands(others, where, event.user_id, event.emoji)
        except UNREAD as error:
            log.error("reactions could not be read again\n%s", trace_of(error))
        self._recount.doubt(generation)
        return False

    def _in_order(self, key: int | str) -> asyncio.Lock:
        """What is done about one message (a number) or one reply is done one after the other; of both, the
        message is waited for first."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
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
