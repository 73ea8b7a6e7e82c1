"""Messages as a conversation: who is answered, from which words, in one send.

Knows: which messages speak to Moyou (mentions, replies, direct messages, its own threads, its homes), one
answer a message, what an edited or deleted message means. Does not know: how earlier messages are read
(`bot.context`), how an answer is written (the engine), judged (`bot.feedback`) or worded (`bot.wording`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import discord

from bot.answered import answer_to
from bot.answering import Answer, Answering, Asker, asker
from bot.attachments import texts_of
from bot.context import CONTEXT_TOKENS, SAID, Context, bounded
from bot.feedback import can_vary, reply_buttons
from bot.rendering import reply_text
from bot.sending import Parcel, packed
from bot.splitting import split
from bot.underway import Prompt, Shown, Underway, cancelled_with
from bot.wording import language_of, say
from engine import Request, Wished

TYPING = 60.0
SOON = 0.25
"""Seconds in which most answers come: for those a sign would be a request more, in the way of the answer."""
NO_HISTORY_PERMISSION = 160002
TOLD = 1024
"""Channels remembered as told that messages cannot be read there."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a message asks for, by whom, whose words stand in it as well (people, and those whose words
    stand in the requests of replies), what the journal said before these were read, what to say of it."""

    request: Request
    who: Asker
    others: frozenset[str]
    holds: frozenset[str]
    before: Wished
    notes: tuple[str, ...] = ()


class Chat:
    """Answers the messages that speak to Moyou."""

    def __init__(self, client: discord.Client, answering: Answering) -> None:
        self._client = client
        self._answering = answering
        self._context = Context(client, answering)
        self._underway = Underway()
        self._told: dict[int, None] = {}

    async def on_message(self, message: discord.Message) -> None:
        """One message, answered at most once; every failure becomes a sentence in the channel."""
        if not self._is_persons(message) or not (
            self._speaks_to_me(message) or await self._overheard(message)
        ):
            return
        prompt = self._underway.begin(message.id, message.content)
        if prompt is None:
            return
        try:
            with self._answering.work(), cancelled_with(prompt):
                await self._converse(message, prompt)
        except Exception as error:  # noqa: BLE001  people get a sentence, the log the rest
            locale = language_of(self._context.words(message, None), self._answering.settings.locale)
            text = self._answering.failure(error, locale, "chat")
            if not isinstance(error, discord.HTTPException):  # what cannot be sent cannot be excused either
                with contextlib.suppress(discord.HTTPException):
                    await self._tell(message, prompt, text, locale)
        if prompt.edited:
            await self._offer(message.channel, message.id, prompt)

    def deleted(self, message_id: int) -> None:
        """A prompt was deleted: work for it is cancelled."""
        self._underway.deleted(message_id)

    async def edited(self, message: discord.Message) -> None:
        """A prompt was edited: nothing is answered anew, but its answer offers to."""
        if not message.content:
            return  # Discord does not show what it says now
        if message.id in self._underway:
            prompt = self._underway.edited(message.id, message.content)
            if prompt is not None:
                await self._offer(message.channel, message.id, prompt)
            return
        # answered by the process before this one, if at all; links that unfold are edits without a time
        if message.edited_at is None or not self._is_persons(message):
            return
        if self._speaks_to_me(message) or await self._overheard(message):
            await self._offer_for_another(message)

    async def _offer(self, channel: discord.abc.Messageable, prompt_id: int, prompt: Prompt) -> None:
        """Puts *again, as edited* under the answer; one edit, and only where it is not there already."""
        if prompt.shown is not None and not prompt.withdrawn:
            await self._offer_under(channel, prompt_id, prompt.shown)

    async def _offer_for_another(self, message: discord.Message) -> None:
        me, locale = self._client.user, self._answering.settings.locale
        if me is None:
            return
        try:
            shown = await answer_to(message, me.id, locale)
        except discord.HTTPException as error:
            self._answering.failure(error, locale, "edited prompt")
            return
        if shown is not None:
            await self._offer_under(message.channel, message.id, shown)

    async def _offer_under(self, channel: discord.abc.Messageable, prompt_id: int, shown: Shown) -> None:
        view = reply_buttons(shown.generation, shown.locale, vary=shown.can_vary, edited=prompt_id)
        where = self._client.get_partial_messageable(getattr(channel, "id", 0))
        try:
            await where.get_partial_message(shown.message_id).edit(view=view)
        except discord.HTTPException as error:
            self._answering.failure(error, shown.locale, "edited prompt")

    def _is_persons(self, message: discord.Message) -> bool:
        me = self._client.user
        if me is None or message.author.bot or message.webhook_id is not None:
            return False
        return message.type in SAID

    def _speaks_to_me(self, message: discord.Message) -> bool:
        me = self._client.user
        if message.guild is None or me in message.mentions:
            return True
        if any(self._is_my_role(role) for role in message.role_mentions):
            return True
        author = self._replied_author(message)
        return author is not None and me is not None and author == me.id

    def _is_my_role(self, role: discord.Role) -> bool:
        me = self._client.user
        return role.tags is not None and me is not None and role.tags.bot_id == me.id

    @staticmethod
    def _replied_author(message: discord.Message) -> int | None:
        reference = message.reference
        replied = reference.resolved if reference is not None else None
        if reference is not None and replied is None:
            replied = reference.cached_message
        return replied.author.id if isinstance(replied, discord.Message) else None

    async def _overheard(self, message: discord.Message) -> bool:
        """Whether a message to nobody in particular is for me: in my own threads and my homes."""
        if message.guild is None or message.mentions or message.mention_everyone or message.role_mentions:
            return False
        if message.reference is not None:
            return False  # to somebody else
        return await self._is_flowing(message)

    async def _is_flowing(self, message: discord.Message) -> bool:
        """Whether people speak to me here without naming me."""
        if message.guild is None:
            return True
        channel, me = message.channel, self._client.user
        if isinstance(channel, discord.Thread) and me is not None and channel.owner_id == me.id:
            return True
        return await self._answering.choices.is_home(message.guild.id, channel.id)

    async def _converse(self, message: discord.Message, prompt: Prompt) -> None:
        async with typing(message.channel):
            asking = await self.asking(message)
            if isinstance(asking, str):
                locale = language_of(self._context.words(message, None), self._answering.settings.locale)
                if asking != "chat.cannot_read" or self._may_tell(message):
                    await self._tell(message, prompt, say(asking, locale), locale)
                return
            answer = await self._answering.write(
                asking.request, asking.who, others=asking.others, holds=asking.holds, before=asking.before
            )
        prompt.work = None  # what is being sent is sent
        await self._reply(message, prompt, answer, asking.notes)

    async def asking(self, message: discord.Message) -> Asking | str:
        """The request a message makes, or the key of the sentence that says why there is none.

        Raises FileTooLarge, FileNotText for what is attached.
        """
        guild_id = message.guild.id if message.guild is not None else None
        who = asker(message.author, guild_id, message.channel.id)
        asked = self._answering.before(who)
        words = self._context.words(message, None)  # while the journal is read
        before = await asked
        attached = await texts_of(message.attachments)
        flowing = await self._is_flowing(message)
        earlier = await self._context.before(message, flowing=flowing)
        turns = list(earlier.turns)
        # our own words are kept in simplified characters, so they do not tell how somebody writes
        said = [turn.text for turn in turns if not turn.mine] or [turn.text for turn in turns]
        otherwise = language_of(" ".join(said), self._answering.settings.locale)
        locale = language_of(words or attached, otherwise)
        text = f"{self._context.words(message, locale)}\n{attached}".strip()
        task = self._answering.engine.tasks["chat"]
        limit = task.main.max_length if task.main is not None else 1000
        if turns and not turns[-1].mine:
            to = turns.pop().text
            room = max(0, limit - len(text) - 1)
            # what a reply is to is what it speaks about; in a channel of many people it may be anything
            if room and (message.reference is not None or message.guild is None):
                text = f"{to[-room:]}\n{text}".strip()
        if not text:
            unread = message.guild is not None and not message.content and not message.attachments
            return "chat.cannot_read" if unread and not message.stickers else "chat.nothing_said"
        context, cut = bounded(turns, CONTEXT_TOKENS)
        notes = (say("chat.cut", locale, count=len(context)),) if cut or earlier.cut else ()
        request = Request("chat", text, locale=locale, context=context)
        return Asking(request, who, earlier.people - {who.person}, earlier.replies, before, notes)

    def _may_tell(self, message: discord.Message) -> bool:
        """Once a channel where every message would be unreadable, always where somebody spoke to me."""
        if self._speaks_to_me(message):
            return True
        if message.channel.id in self._told:
            return False
        self._told[message.channel.id] = None
        if len(self._told) > TOLD:
            del self._told[next(iter(self._told))]
        return True

    async def _reply(
        self, message: discord.Message, prompt: Prompt, answer: Answer, notes: tuple[str, ...]
    ) -> None:
        locale, generation = answer.request.locale, answer.reply.generation if answer.kept else ""
        parcel = packed(reply_text(answer.request, answer.reply), locale, notes)
        vary = can_vary(answer.reply)
        view = reply_buttons(generation, locale, vary=vary) if answer.kept else None
        sent = await self._send(message, parcel, view)
        prompt.shown = Shown(sent[-1].id, generation, locale, vary)
        await self._answering.attach(answer, [each.id for each in sent])

    async def _tell(self, message: discord.Message, prompt: Prompt, text: str, locale: str) -> None:
        sent = await self._send(message, Parcel((text,)), None)
        prompt.shown = Shown(sent[-1].id, locale=locale)

    async def _send(
        self, message: discord.Message, parcel: Parcel, view: discord.ui.View | None
    ) -> list[discord.Message]:
        """Sends the parts, the first as a reply, the last with the buttons; nothing in them pings."""
        if parcel.whole:
            try:
                return [await self._send_part(message, parcel.parts[0], 0, view, parcel.file())]
            except discord.Forbidden:  # files are not allowed here: many messages then
                parcel = Parcel(tuple(split(parcel.whole)))
        last = len(parcel.parts) - 1
        return [
            await self._send_part(message, part, index, view if index == last else None)
            for index, part in enumerate(parcel.parts)
        ]

    async def _send_part(
        self,
        message: discord.Message,
        part: str,
        index: int,
        view: discord.ui.View | None,
        file: discord.File | None = None,
    ) -> discord.Message:
        # one nonce for one prompt: Discord drops a second answer, also that of another process
        extra: dict[str, Any] = {"nonce": f"{message.id}-{index}"}
        if view is not None:
            extra["view"] = view
        if file is not None:
            extra["file"] = file
        if index:
            return await message.channel.send(part, **extra)
        reference = message.to_reference(fail_if_not_exists=False)
        try:
            return await message.channel.send(part, reference=reference, mention_author=False, **extra)
        except discord.HTTPException as error:
            if error.code != NO_HISTORY_PERMISSION:
                raise
            return await message.channel.send(part, **extra)


@contextlib.asynccontextmanager
async def typing(channel: discord.abc.Messageable) -> AsyncIterator[None]:
    """The typing sign while the block runs, if it does not end soon; the block neither waits for it nor
    fails with it."""
    loop = asyncio.get_running_loop()
    signs: list[asyncio.Task[None]] = []
    soon = loop.call_later(SOON, lambda: signs.append(loop.create_task(_type(channel))))
    try:
        yield
    finally:
        soon.cancel()
        for sign in signs:
            sign.cancel()
        await asyncio.gather(*signs, return_exceptions=True)


async def _type(channel: discord.abc.Messageable) -> None:
    with contextlib.suppress(discord.HTTPException, OSError):
        async with channel.typing():
            await asyncio.sleep(TYPING)
