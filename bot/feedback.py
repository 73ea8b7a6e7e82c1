"""What people think of a reply: raw reactions and the buttons under it, as facts in the journal.

Knows: which emoji judge, that what is taken back is taken back, buttons that survive a restart
(everything they need is in their custom_id), and how an answer to an interaction is delivered.
Does not know: what the judgements are used for.

Raw events, because caches miss old messages. Events of one message are handled in the order they
came. A 👎 has no question yet: `Fact.reason` is where its answer will go.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import time
from typing import Any, Self, cast
from weakref import WeakValueDictionary

import discord

from bot.answering import Answer, Answering, asker_of, guarded, may_speak
from bot.rendering import reply_text, why
from bot.splitting import split
from bot.wording import say
from engine import Fact, Journal, Reply, react_once, settle_reactions, standing_reactions

log = logging.getLogger(__name__)

VALUES = {"👍": 1.0, "👎": -1.0}
BUTTON_LABEL = "buttons"
"""One label for both buttons: the later press replaces the earlier one."""

_TEMPLATE = r"moyou:(?P<action>up|down|undo|again|vary|why):(?P<generation>[\w.-]{1,80})"
_EMOJI = {"up": "👍", "down": "👎", "undo": "↩️", "again": "🔁", "vary": "🎲", "why": "❓"}
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")


def judgement(emoji: discord.PartialEmoji) -> str | None:
    """👍 or 👎 in any skin tone; None for an emoji that judges nothing."""
    name = _SKIN_TONES.sub("", emoji.name) if emoji.is_unicode_emoji() else ""
    return name if name in VALUES else None


class Reactions:
    """Raw reaction events of Moyou's messages → facts."""

    def __init__(self, client: discord.Client, answering: Answering) -> None:
        self._client = client
        self._answering = answering
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def added(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=False)

    async def removed(self, event: discord.RawReactionActionEvent) -> None:
        await self._judge(event, withdrawn=True)

    async def cleared(self, message_id: int, emoji: discord.PartialEmoji | None = None) -> None:
        """All reactions (of one emoji) are gone: a moderator cleared them."""
        label = None if emoji is None else judgement(emoji)
        if emoji is not None and label is None:
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
            if not message.reactions and not await journal(standing_reactions, generation):
                return
            # anew: events that came since `message` was read have been handled
            message = await message.channel.fetch_message(message.id)
            shown: dict[str, set[str]] = {}
            for reaction in message.reactions:
                emoji = reaction.emoji
                label = judgement(discord.PartialEmoji(name=emoji)) if isinstance(emoji, str) else None
                if label is not None:
                    people = {str(user.id) async for user in reaction.users() if not user.bot and user != me}
                    shown.setdefault(label, set()).update(people)
            await journal(settle_reactions, generation, shown, VALUES)

    async def _judge(self, event: discord.RawReactionActionEvent, *, withdrawn: bool) -> None:
        label = judgement(event.emoji)
        me = self._client.user
        by_bot = event.member is not None and event.member.bot
        if label is None or me is None or event.user_id == me.id or by_bot:
            return
        at = time.time()
        async with self._in_order(event.message_id):
            generation = await self._generation(event, me.id)
            if generation is not None:
                fact = Fact(
                    generation,
                    str(event.user_id),
                    "reaction",
                    VALUES[label],
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


def generation_in(message: discord.Message) -> str | None:
    """The generation that a message's buttons name."""
    for row in message.components:
        for item in getattr(row, "children", ()):
            found = re.fullmatch(_TEMPLATE, getattr(item, "custom_id", None) or "")
            if found is not None:
                return found["generation"]
    return None


class ReplyButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """A button under a reply. Made anew from its custom_id whenever it is pressed."""

    def __init__(self, action: str, generation: str, locale: str) -> None:
        self.action = action
        self.generation = generation
        label = None if action in ("up", "down") else say(f"button.{action}", locale)
        super().__init__(
            discord.ui.Button(
                style=discord.ButtonStyle.secondary,
                emoji=_EMOJI[action],
                label=label,
                custom_id=f"moyou:{action}:{generation}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["action"], match["generation"], str(interaction.locale))

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        answering = cast(Answering, interaction.client.answering)
        writes = self.action in ("again", "vary")
        return not writes or await may_speak(answering, interaction, f"button {self.action}")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering = cast(Answering, interaction.client.answering)
        async with guarded(answering, interaction, f"button {self.action}"):
            if self.action in ("up", "down"):
                await self._judge(interaction, answering)
            elif self.action == "undo":
                await self._undo(interaction, answering)
            elif self.action in ("again", "vary"):
                await self._write(interaction, answering)
            else:
                await self._why(interaction, answering)

    def _fact(self, interaction: discord.Interaction[Any], value: float, *, withdrawn: bool = False) -> Fact:
        return Fact(
            self.generation,
            str(interaction.user.id),
            "button",
            value,
            BUTTON_LABEL,
            at=time.time(),
            withdrawn=withdrawn,
        )

    async def _judge(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        locale = str(interaction.locale)
        value = 1.0 if self.action == "up" else -1.0
        if await answering.journal(Journal.react, self._fact(interaction, value)):
            view = discord.ui.View(timeout=None)
            view.add_item(ReplyButton("undo", self.generation, locale))
            await interaction.response.send_message(
                say(f"feedback.{self.action}", locale), view=view, ephemeral=True
            )
            return
        keeps = await answering.journal(Journal.may_keep, str(interaction.user.id))
        key = "feedback.gone" if keeps else "feedback.opted_out"
        await interaction.response.send_message(say(key, locale), ephemeral=True)

    async def _undo(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        await answering.journal(Journal.react, self._fact(interaction, 0.0, withdrawn=True))
        text = say("feedback.undone", str(interaction.locale))
        await interaction.response.edit_message(content=text, view=None)

    async def _write(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        """The same request once more: anew, or near the reply that this button is under."""
        request = await answering.journal(Journal.request, self.generation)
        reply = await answering.journal(Journal.reply, self.generation)
        if request is None or reply is None:
            text = say("again.words_gone", str(interaction.locale))
            await interaction.response.send_message(text, ephemeral=True)
            return
        private = is_private(interaction.message)
        await interaction.response.defer(thinking=True, ephemeral=private)
        request, who = dataclasses.replace(request, seed=None), asker_of(interaction)
        if self.action == "vary":
            answer = await answering.vary(request, reply, who)
        else:
            answer = await answering.write(request, who, repeats=self.generation)
        await deliver(interaction, answering, answer, private=private)

    async def _why(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        locale = str(interaction.locale)
        reply = await answering.journal(Journal.reply, self.generation)
        parts = [say("why.gone", locale)] if reply is None else split(why(reply, locale))
        await interaction.response.send_message(parts[0], ephemeral=True)
        for part in parts[1:]:
            await interaction.followup.send(part, ephemeral=True)


def can_vary(reply: Reply) -> bool:
    return reply.origin == "generated" and bool(reply.latent)


def is_private(message: discord.Message | None) -> bool:
    return message is not None and message.flags.ephemeral


def reply_view(answer: Answer) -> discord.ui.View:
    """👍 👎 again vary why. They hold the generation's id alone, so they outlive the process.

    Only what was written from a latent has a neighbourhood to vary in.
    """
    view = discord.ui.View(timeout=None)
    varied = ("vary",) if can_vary(answer.reply) else ()
    for action in ("up", "down", "again", *varied, "why"):
        view.add_item(ReplyButton(action, answer.reply.generation, answer.request.locale))
    return view


async def deliver(
    interaction: discord.Interaction[Any],
    answering: Answering,
    answer: Answer,
    *,
    quoted: bool = False,
    private: bool = False,
) -> None:
    """One edit of the deferred response with the answer; what does not fit follows. Buttons on the last."""
    parts = split(reply_text(answer.request, answer.reply, quoted=quoted))
    view = reply_view(answer) if answer.kept else None
    sent: list[discord.Message] = []
    for index, part in enumerate(parts):
        shown = view if index == len(parts) - 1 and view is not None else discord.utils.MISSING
        if index == 0:
            sent.append(await interaction.edit_original_response(content=part, view=shown))
        else:
            sent.append(await interaction.followup.send(part, view=shown, ephemeral=private, wait=True))
    await answering.attach(answer, [message.id for message in sent])
