"""Reads a channel's messages for a summary: which of them, in which order, until when, and whose not.

Knows: spans of messages, what no person said, how a message becomes the engine's, that reading stops in
time. Does not know: who may read where (`bot.summary_places`), how a summary is shown.

Nothing that is read here outlives the summary.
"""

from __future__ import annotations

import asyncio
import datetime
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import discord

from bot.context import masked
from engine import JournalThread, Message, silent_in

MOST = 10_000
"""Messages that are read, at most: a hundred calls to Discord, which the library spaces out."""
PAGE = 100

_SAID = (discord.MessageType.default, discord.MessageType.reply)
_COMMAND = re.compile(r"[!/.?$%&+;>~-]{1,2}[A-Za-z一-鿿]\S*(\s|$)")

Progress = Callable[[int], Awaitable[None]]
"""Is told how many messages were read."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages of a channel: at most `count`, the newest ones.

    `after`, `before`: the time or message they come after, and before. `mine`: those after the last
    message of this person, who asks.
    """

    count: int = MOST
    after: discord.abc.SnowflakeTime | None = None
    before: discord.abc.SnowflakeTime | None = None
    mine: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything within some bounds was asked for, not a number of messages."""
        return self.after is not None or self.mine is not None


@dataclass(frozen=True, slots=True)
class Said:
    """A message with what the engine does not get: whose it is, and where it stands."""

    person: int
    username: str
    link: str
    message: Message


class Reading:
    """What was read of one or several channels. `more`: something that was asked for was not read.

    `until`: reading stops then, with what there is. `locale`: of the words that stand for names.
    """

    def __init__(self, until: datetime.datetime, locale: str, progress: Progress | None = None) -> None:
        self.more = False
        self._until = until
        self._locale = locale
        self._progress = progress
        self._said: list[Said] = []
        self._count = 0

    async def read(self, channel: discord.abc.Messageable, span: Span) -> None:
        """Reads one channel. Raises HTTPException, Forbidden among them."""
        left = (self._until - discord.utils.utcnow()).total_seconds()
        before = self._count
        if left <= 0:
            self.more = True
            return
        try:
            # the library waits as long as Discord's rate limits want it to, which may be too long
            async with asyncio.timeout(left):
                await self._read(channel, span)
        except TimeoutError:
            self.more = True
            return
        self.more = self.more or (span.is_whole and self._count - before >= span.count)

    async def _read(self, channel: discord.abc.Messageable, span: Span) -> None:
        # the newest come first, so that it is they that are read where there are too many
        history = channel.history(limit=span.count, after=span.after, before=span.before, oldest_first=False)
        async for each in history:
            if span.mine is not None and each.author.id == span.mine:
                break
            self._count += 1
            said = _said(each, self._locale)
            if said is not None:
                self._said.append(said)
            if self._progress is not None and self._count % PAGE == 0:
                await self._progress(self._count)

    async def messages(self, journal: JournalThread, guild: int | None) -> list[Message]:
        """What was read, oldest first, without those whom the moderators or they themselves leave out."""
        people = {str(said.person) for said in self._said}
        silent = await journal(silent_in, str(guild or ""), people)
        kept = [said for said in self._said if str(said.person) not in silent]
        kept.sort(key=lambda said: (said.message.minute, int(said.message.id)))
        return _told_apart(kept)

    @property
    def links(self) -> dict[str, str]:
        """For each message its place in Discord."""
        return {said.message.id: said.link for said in self._said}


def _said(message: discord.Message, locale: str) -> Said | None:
    """A message of a person's, masked; None for what bots wrote, commands, and what holds no words."""
    if message.type is discord.MessageType.thread_starter_message:
        # the message that a thread was opened on stands in the channel
        first = message.reference.resolved if message.reference is not None else None
        if not isinstance(first, discord.Message):
            return None
        message = first
    if message.type not in _SAID or message.author.bot:
        return None
    text = masked(message.content, locale)
    if not text or _COMMAND.match(text):
        return None
    reference = message.reference
    answered = reference.message_id if reference is not None and message.type is _SAID[1] else None
    made = Message(
        id=str(message.id),
        author=message.author.display_name,
        text=text,
        minute=message.created_at.timestamp() / 60,
        reply_to=None if answered is None else str(answered),
        # our own are no judgement of what was said
        reactions=sum(max(0, each.count - each.me) for each in message.reactions),
        replies=0 if message.thread is None else message.thread.message_count,
    )
    return Said(message.author.id, message.author.name, message.jump_url, made)


def _told_apart(said: Sequence[Said]) -> list[Message]:
    """The messages; two people of one name get their user names beside it."""
    names = Counter(name for _, name in {(each.person, each.message.author) for each in said})
    return [
        replace(each.message, author=f"{each.message.author} ({each.username})")
        if names[each.message.author] > 1
        else each.message
        for each in said
    ]
