"""What was said before a message, as turns: the reply chain, or the last messages of a conversation.

Knows: which messages are read, names masked, the bound in tokens and whether something was left out.
Does not know: who is answered, how an answer is written or sent.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.answering import Answering
from bot.feedback import generation_in
from bot.wording import is_own, language_of, say
from engine import Journal, token_count, whole_characters

CHAIN = 12
"""Earlier messages that are read, at most: each may cost one call."""
CONTEXT_TOKENS = 400
"""Tokens of earlier turns, at most."""
PAUSE = datetime.timedelta(minutes=30)
"""Where a conversation needs no replies, what is older than this is another conversation."""

UNKNOWN = "-"
"""In place of the reply that a message of ours shows, where the journal does not know it: its person wants
nothing kept, or was forgotten, or it is no reply. Words that are said to hold one that is not there are not
kept (Journal.record)."""

SAID = (discord.MessageType.default, discord.MessageType.reply)
_ANSWERED = (discord.MessageType.chat_input_command, discord.MessageType.context_menu_command)

_OTHERS = re.compile(r"<@[!&]?\d+>|@everyone|@here")
_CHANNEL = re.compile(r"<#\d+>")
_EMOJI = re.compile(r"<a?:(\w+):\d+>")
_COMMAND = re.compile(r"<(/[^:<>]+):\d+>")
_TIME = re.compile(r"<t:-?\d+(?::\w)?>")
_SMALL_PRINT = re.compile(r"^-# .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said before the other spoke again."""

    mine: bool
    text: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """The turns before a message, who else spoke in them, the replies whose requests' words stand in them,
    and whether older turns were left out."""

    turns: tuple[Turn, ...] = ()
    people: frozenset[str] = frozenset()
    replies: frozenset[str] = frozenset()
    cut: bool = False


class Context:
    """Reads what stands before a message."""

    def __init__(self, client: discord.Client, answering: Answering) -> None:
        self._client = client
        self._answering = answering

    async def before(self, message: discord.Message, *, flowing: bool) -> Earlier:
        """The reply chain; where the conversation is `flowing` and this is no reply, the last messages."""
        if flowing and message.reference is None:
            found, cut = await self._recent(message), False
        else:
            found, cut = await self._chain(message)
        turns: list[Turn] = []
        people: set[str] = set()
        replies: set[str] = set()
        for each in found:
            turns += await self._turns(each, people, replies)
        return Earlier(tuple(merged(turns)), frozenset(people), frozenset(replies), cut)

    async def _chain(self, message: discord.Message) -> tuple[list[discord.Message], bool]:
        found: list[discord.Message] = []
        link = message
        while len(found) < CHAIN:
            earlier = await self._replied_to(link)
            if earlier is None:
                return found[::-1], False
            found.append(earlier)
            link = earlier
        return found[::-1], link.reference is not None

    async def _recent(self, message: discord.Message) -> list[discord.Message]:
        since = message.created_at - PAUSE
        try:
            before = [each async for each in message.channel.history(limit=CHAIN, before=message)]
        except discord.HTTPException:
            return []
        found = [each for each in reversed(before) if each.created_at > since]
        if isinstance(message.channel, discord.Thread) and len(before) < CHAIN:
            first = await self._starter(message.channel)
            found = [first, *found] if first is not None else found
        return [each for each in found if each.type in (*SAID, *_ANSWERED)]

    async def _starter(self, thread: discord.Thread) -> discord.Message | None:
        """The message a thread was opened from; it stands in the channel, under the thread's own id."""
        if thread.starter_message is not None:
            return thread.starter_message
        parent = self._client.get_partial_messageable(thread.parent_id, guild_id=thread.guild.id)
        try:
            return await parent.fetch_message(thread.id)
        except discord.HTTPException:
            return None

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

    async def _turns(self, message: discord.Message, people: set[str], replies: set[str]) -> list[Turn]:
        """A message as a turn; our own as the reply it was, without quotation or form check.

        The answer to a command comes with what was asked, which no message holds.
        """
        me = self._client.user
        if me is None or message.author.id != me.id:
            people.add(str(message.author.id))
            return [Turn(False, self.words(message, language_of(self.words(message, None))))]
        known = await self._answering.journal(Journal.generation_of, message.id)
        generation = known or generation_in(message)  # one that was sent is not attached at once
        reply = await self._answering.journal(Journal.reply, generation) if generation else None
        if generation is None or reply is None:
            if message.interaction_metadata is not None:  # what was asked may stand above the answer
                people.add(str(message.interaction_metadata.user.id))
            said = _SMALL_PRINT.sub("", self.words(message, language_of(message.content))).strip()
            # directly there is nobody whose words it could quote but theirs
            if said and message.guild is not None and not is_own(said):
                replies.add(UNKNOWN)
            return [Turn(True, said)]
        asked: list[Turn] = []
        if message.interaction_metadata is not None:
            request = await self._answering.journal(Journal.request, generation)
            if request is not None:
                people.add(str(message.interaction_metadata.user.id))
                asked = [Turn(False, request.text)]
        if asked or reply.copies:
            replies.add(generation)
        return [*asked, Turn(True, reply.text)]

    def words(self, message: discord.Message, locale: str | None) -> str:
        """A message's text without our own mention, everybody's names masked."""
        text = message.content
        me = self._client.user
        if me is not None:
            text = re.sub(rf"<@!?{me.id}>", " ", text)
            for role in message.role_mentions:
                if role.tags is not None and role.tags.bot_id == me.id:
                    text = text.replace(role.mention, " ")
        return masked(text, locale)


def masked(text: str, locale: str | None) -> str:
    """Markup as words: mentions without names, emoji and commands by their own names, no times.

    `locale` None leaves mentions out, so that what is left tells the text's own language.
    """
    text = _EMOJI.sub(r":\1:", _TIME.sub("", whole_characters(text)))
    text = _COMMAND.sub(r"\1", text)
    text = _CHANNEL.sub(say("mask.channel", locale) if locale else " ", text)
    # last, because what is taken out may leave a mention: @every<t:1>one
    text = _OTHERS.sub(say("mask.person", locale) if locale else " ", text)
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


def bounded(turns: Sequence[Turn], tokens: int) -> tuple[tuple[str, ...], bool]:
    """The last turns that fit, oldest first, and whether something was left out.

    The oldest that is kept may lose its beginning.
    """
    kept: list[str] = []
    room = tokens
    for turn in reversed(turns):
        size = token_count(turn.text)
        if size > room:
            if end := _end(turn.text, room):
                kept.append(end)
            return tuple(reversed(kept)), True
        kept.append(turn.text)
        room -= size
    return tuple(reversed(kept)), False


def _end(text: str, tokens: int) -> str:
    """The longest end of a text that has at most so many tokens."""
    start = bisect.bisect_left(range(len(text)), -tokens, key=lambda index: -token_count(text[index:]))
    return text[start:].strip()
