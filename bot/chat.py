"""Mentions, replies and direct messages as a conversation: who is answered, in which context, in one send.

Knows: which messages speak to Moyou, the reply chain as turns, names masked, one answer a message.
Does not know: how an answer is written (the engine), judged (`bot.feedback`) or worded (`bot.wording`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import discord

from bot.answering import Answer, Answering, asker
from bot.feedback import reply_view
from bot.rendering import reply_text
from bot.splitting import split
from bot.wording import language_of, say
from engine import Journal, Request

CHAIN = 12
"""Earlier messages that are read, at most: each may cost one call."""
CONTEXT = 2000
"""Characters of earlier turns, at most."""
DIRECT_PAUSE = datetime.timedelta(minutes=30)
"""In direct messages what is older than this is another conversation."""
TYPING = 60.0
REMEMBERED = 4096
"""Message ids remembered, so that an event delivered twice is answered once."""
NO_HISTORY_PERMISSION = 160002

_OTHERS = re.compile(r"<@[!&]?\d+>|@everyone|@here")
_CHANNEL = re.compile(r"<#\d+>")
_EMOJI = re.compile(r"<a?:(\w+):\d+>")
_COMMAND = re.compile(r"<(/[^:<>]+):\d+>")
_TIME = re.compile(r"<t:-?\d+(?::\w)?>")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the other spoke again."""

    mine: bool
    text: str


class Chat:
    """Answers the messages that speak to Moyou."""

    def __init__(self, client: discord.Client, answering: Answering) -> None:
        self._client = client
        self._answering = answering
        self._seen: OrderedDict[int, None] = OrderedDict()

    async def on_message(self, message: discord.Message) -> None:
        """One message, answered at most once; every failure becomes a sentence in the channel."""
        if not self._is_for_me(message) or not self._first_time(message.id):
            return
        locale = language_of(self._words(message, None), self._answering.settings.locale)
        try:
            with self._answering.work():
                await self._converse(message)
        except Exception as error:  # noqa: BLE001  people get a sentence, the log the rest
            text = self._answering.failure(error, locale, "chat")
            if not isinstance(error, discord.HTTPException):  # what cannot be sent cannot be excused either
                with contextlib.suppress(discord.HTTPException):
                    await self._send(message, [text], None)

    def _is_for_me(self, message: discord.Message) -> bool:
        me = self._client.user
        if me is None or message.author.bot or message.webhook_id is not None:
            return False
        if message.type not in (discord.MessageType.default, discord.MessageType.reply):
            return False
        if message.guild is None or me in message.mentions:
            return True
        if any(role.tags is not None and role.tags.bot_id == me.id for role in message.role_mentions):
            return True
        reference = message.reference
        replied = reference.resolved if reference is not None else None
        if reference is not None and replied is None:
            replied = reference.cached_message
        return isinstance(replied, discord.Message) and replied.author.id == me.id

    def _first_time(self, message_id: int) -> bool:
        if message_id in self._seen:
            return False
        self._seen[message_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _converse(self, message: discord.Message) -> None:
        async with typing(message.channel):
            chain = await self._chain(message)
            turns = merged([await self._turn(earlier) for earlier in chain])
            # our own words are kept in simplified characters, so they do not tell how somebody writes
            said = [turn.text for turn in turns if not turn.mine] or [turn.text for turn in turns]
            otherwise = language_of(" ".join(said), self._answering.settings.locale)
            locale = language_of(self._words(message, None), otherwise)
            text = self._words(message, locale)
            task = self._answering.engine.tasks["chat"]
            limit = task.main.max_length if task.main is not None else CONTEXT
            if turns and not turns[-1].mine:
                # other people's words just before: they are what is spoken about
                before = turns.pop().text
                room = max(0, limit - len(text) - 1)
                text = f"{before[-room:]}\n{text}".strip() if room else text
            if not text:
                unread = message.guild is not None and not message.content and not message.attachments
                key = "chat.cannot_read" if unread and not message.stickers else "chat.nothing_said"
                await self._send(message, [say(key, locale)], None)
                return
            request = Request("chat", text, locale=locale, context=bounded(turns, CONTEXT))
            guild_id = message.guild.id if message.guild is not None else None
            who = asker(message.author, guild_id, message.channel.id)
            others = {str(each.author.id) for each in chain} - {who.person}
            answer = await self._answering.write(request, who, others=others)
        await self._reply(message, answer)

    async def _reply(self, message: discord.Message, answer: Answer) -> None:
        parts = split(reply_text(answer.request, answer.reply))
        view = reply_view(answer) if answer.kept else None
        sent = await self._send(message, parts, view)
        await self._answering.attach(answer, [each.id for each in sent])

    async def _send(
        self, message: discord.Message, parts: Sequence[str], view: discord.ui.View | None
    ) -> list[discord.Message]:
        """Sends the parts, the first as a reply, the last with the buttons; nothing in them pings."""
        sent: list[discord.Message] = []
        reference: discord.MessageReference | None = message.to_reference(fail_if_not_exists=False)
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            # one nonce for one prompt: Discord drops a second answer, also that of another process
            nonce = f"{message.id}-{index}"
            try:
                each = await _send_one(message.channel, part, nonce, reference, view if last else None)
            except discord.HTTPException as error:
                if reference is None or error.code != NO_HISTORY_PERMISSION:
                    raise
                each = await _send_one(message.channel, part, nonce, None, view if last else None)
            sent.append(each)
            reference = None
        return sent

    async def _chain(self, message: discord.Message) -> list[discord.Message]:
        """The messages before this one, oldest first: the reply chain, or a direct conversation."""
        if message.guild is None and message.reference is None:
            return await self._recent(message)
        found: list[discord.Message] = []
        link = message
        while len(found) < CHAIN:
            earlier = await self._replied_to(link)
            if earlier is None:
                break
            found.append(earlier)
            link = earlier
        return found[::-1]

    async def _recent(self, message: discord.Message) -> list[discord.Message]:
        since = message.created_at - DIRECT_PAUSE
        try:
            before = [each async for each in message.channel.history(limit=CHAIN, before=message)]
        except discord.HTTPException:
            return []
        return [each for each in reversed(before) if each.created_at > since]

    async def _replied_to(self, message: discord.Message) -> discord.Message | None:
        reference = message.reference
        if reference is None or reference.message_id is None or reference.channel_id != message.channel.id:
            return None
        if isinstance(reference.resolved, discord.DeletedReferencedMessage):
            return None
        known = reference.resolved or reference.cached_message
        if known is not None:
            return known
        try:
            return await message.channel.fetch_message(reference.message_id)
        except discord.HTTPException:
            return None  # deleted, or not ours to read: the chain ends here

    async def _turn(self, message: discord.Message) -> Turn:
        """A message as a turn; our own as the reply it was, without quotation or form check."""
        mine = self._client.user is not None and message.author.id == self._client.user.id
        if mine:
            generation = await self._answering.journal(Journal.generation_of, message.id)
            reply = await self._answering.journal(Journal.reply, generation) if generation else None
            if reply is not None:
                return Turn(True, reply.text)
        return Turn(mine, self._words(message, language_of(self._words(message, None))))

    def _words(self, message: discord.Message, locale: str | None) -> str:
        """A message's text without our own mention, everybody's names masked."""
        text = message.content
        me = self._client.user
        if me is not None:
            text = re.sub(rf"<@!?{me.id}>", " ", text)
            for role in message.role_mentions:
                if role.tags is not None and role.tags.bot_id == me.id:
                    text = text.replace(role.mention, " ")
        return masked(text, locale)


async def _send_one(
    channel: discord.abc.Messageable,
    text: str,
    nonce: str,
    reference: discord.MessageReference | None,
    view: discord.ui.View | None,
) -> discord.Message:
    extra: dict[str, Any] = {} if view is None else {"view": view}
    if reference is not None:
        extra.update(reference=reference, mention_author=False)
    return await channel.send(text, nonce=nonce, **extra)


def masked(text: str, locale: str | None) -> str:
    """Markup as words: mentions without names, emoji and commands by their own names, no times.

    `locale` None leaves mentions out, so that what is left tells the text's own language.
    """
    text = _OTHERS.sub(say("mask.person", locale) if locale else " ", text)
    text = _CHANNEL.sub(say("mask.channel", locale) if locale else " ", text)
    text = _EMOJI.sub(r":\1:", text)
    text = _COMMAND.sub(r"\1", text)
    text = _TIME.sub("", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def merged(turns: Sequence[Turn]) -> list[Turn]:
    """Turns that alternate: what one side says in several messages is one turn; empty ones go."""
    result: list[Turn] = []
    for turn in turns:
        if not turn.text:
            continue
        if result and result[-1].mine == turn.mine:
            result[-1] = dataclasses.replace(turn, text=f"{result[-1].text}\n{turn.text}")
        else:
            result.append(turn)
    return result


def bounded(turns: Sequence[Turn], characters: int) -> tuple[str, ...]:
    """The last turns that fit, oldest first; the oldest may lose its beginning."""
    kept: list[str] = []
    room = characters
    for turn in reversed(turns):
        if room <= 0:
            break
        kept.append(turn.text[-room:])
        room -= len(turn.text)
    return tuple(reversed(kept))


@contextlib.asynccontextmanager
async def typing(channel: discord.abc.Messageable) -> AsyncIterator[None]:
    """The typing sign while the block runs; the block neither waits for it nor fails with it."""
    sign = asyncio.create_task(_type(channel))
    try:
        yield
    finally:
        sign.cancel()
        await asyncio.gather(sign, return_exceptions=True)


async def _type(channel: discord.abc.Messageable) -> None:
    with contextlib.suppress(discord.HTTPException, OSError):
        async with channel.typing():
            await asyncio.sleep(TYPING)
