"""What people do with a reply by its buttons, as facts in the journal, and how an answer gets them.

Knows: buttons that survive a restart (everything they need is in their custom_id), the one question that
follows a 👎, and how an answer to an interaction is delivered.
Does not know: reactions (`bot.reactions`), what the judgements are used for.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import time
from collections.abc import Iterator
from typing import Any, Self, cast

import discord

from bot.answering import Answer, Answering, asker_of, guarded, may_speak
from bot.reasons import ReasonModal
from bot.rendering import reply_text, why
from bot.sending import packed
from bot.splitting import split
from bot.wording import say
from engine import Fact, Journal, Reply

log = logging.getLogger(__name__)

BUTTON_LABEL = "buttons"
"""One label for both buttons: the later press replaces the earlier one."""

_TEMPLATE = r"moyou:(?P<action>up|down|undo|reason|again|vary|why):(?P<generation>[\w.-]{1,80})"
_EMOJI = {"up": "👍", "down": "👎", "undo": "↩️", "reason": "💬", "again": "🔁", "vary": "🎲", "why": "❓"}


def generation_in(message: discord.Message) -> str | None:
    """The generation that a message's buttons name."""
    for identity in _identities(message):
        found = re.fullmatch(_TEMPLATE, identity)
        if found is not None:
            return found["generation"]
    return None


def buttons_in(message: discord.Message) -> frozenset[str]:
    """What a message's buttons do: `up`, `vary`, …, and `edited`."""
    names = (re.match(r"moyou(?:-(edited)|:([a-z]+)):", identity) for identity in _identities(message))
    return frozenset(found[1] or found[2] for found in names if found is not None)


def _identities(message: discord.Message) -> Iterator[str]:
    for row in message.components:
        for item in getattr(row, "children", ()):
            yield getattr(item, "custom_id", None) or ""


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
            elif self.action == "reason":
                await self._ask(interaction, answering)
            elif self.action in ("again", "vary"):
                await self._write(interaction, answering)
            else:
                await self._why(interaction, answering)

    def _fact(
        self,
        interaction: discord.Interaction[Any],
        value: float,
        *,
        reason: str = "",
        withdrawn: bool = False,
    ) -> Fact:
        return Fact(
            self.generation,
            str(interaction.user.id),
            "button",
            value,
            BUTTON_LABEL,
            reason,
            at=time.time(),
            withdrawn=withdrawn,
        )

    async def _judge(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        locale = str(interaction.locale)
        value = 1.0 if self.action == "up" else -1.0
        if await answering.journal(Journal.react, self._fact(interaction, value)):
            view = discord.ui.View(timeout=None)
            # a 👎 offers one question; who does not want it leaves it
            for action in ("undo",) if self.action == "up" else ("undo", "reason"):
                view.add_item(ReplyButton(action, self.generation, locale))
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

    async def _ask(self, interaction: discord.Interaction[Any], answering: Answering) -> None:
        """The private question after a 👎; its answer replaces the bare 👎 while that still stands."""
        locale = str(interaction.locale)
        if not await self._still_disliked(interaction, answering):
            await interaction.response.edit_message(content=say("feedback.changed", locale), view=None)
            return

        async def told(submitted: discord.Interaction[Any], reason: str) -> None:
            async with guarded(answering, submitted, "reason"):
                key = "feedback.changed"
                if await self._still_disliked(submitted, answering) and await answering.journal(
                    Journal.react, self._fact(submitted, -1.0, reason=reason)
                ):
                    key = "feedback.reason_noted"
                view = discord.ui.View(timeout=None)
                view.add_item(ReplyButton("undo", self.generation, str(submitted.locale)))
                await submitted.response.edit_message(content=say(key, str(submitted.locale)), view=view)

        await interaction.response.send_modal(ReasonModal(locale, told))

    async def _still_disliked(self, interaction: discord.Interaction[Any], answering: Answering) -> bool:
        standing = await answering.journal(Journal.signal, self.generation, str(interaction.user.id))
        return standing is not None and standing.value < 0

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
        await explain(interaction, answering, self.generation)


async def explain(interaction: discord.Interaction[Any], answering: Answering, generation: str) -> None:
    """How a reply came to be, to the one who asks."""
    locale = str(interaction.locale)
    reply = await answering.journal(Journal.reply, generation)
    if reply is None:
        parts = [say("why.gone", locale)]
    else:
        parts = split(why(reply, locale, await answering.blocked(asker_of(interaction).place)))
    await interaction.response.send_message(parts[0], ephemeral=True)
    for part in parts[1:]:
        await interaction.followup.send(part, ephemeral=True)


class EditedButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"moyou-edited:(?P<prompt>\d{1,20})"
):
    """Under the answer to a message that was edited since: answers what it says now."""

    def __init__(self, prompt: int, locale: str) -> None:
        self.prompt = prompt
        super().__init__(
            discord.ui.Button(
                style=discord.ButtonStyle.primary,
                emoji="🔁",
                label=say("button.edited", locale),
                custom_id=f"moyou-edited:{prompt}",
                row=1,
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["prompt"]), str(interaction.locale))

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        return await may_speak(cast(Answering, interaction.client.answering), interaction, "button edited")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        client = interaction.client
        answering = cast(Answering, client.answering)
        async with guarded(answering, interaction, "button edited"):
            await interaction.response.defer(thinking=True)
            where = client.get_partial_messageable(interaction.channel_id, guild_id=interaction.guild_id)
            try:
                message = await where.fetch_message(self.prompt)
            except discord.HTTPException:
                text = say("again.prompt_gone", str(interaction.locale))
                await interaction.edit_original_response(content=text)
                return
            # a message that is fetched knows its channel only in part
            message.channel = interaction.channel or message.channel
            asking = await client.chat.asking(message)
            if isinstance(asking, str):
                await interaction.edit_original_response(content=say(asking, str(interaction.locale)))
                return
            answer = await answering.write(
                asking.request, asking.who, others=asking.others, holds=asking.holds, before=asking.before
            )
            await deliver(interaction, answering, answer, notes=asking.notes)


def can_vary(reply: Reply) -> bool:
    return reply.origin == "generated" and bool(reply.latent)


def is_private(message: discord.Message | None) -> bool:
    return message is not None and message.flags.ephemeral


def reply_buttons(
    generation: str, locale: str, *, vary: bool = False, edited: int | None = None
) -> discord.ui.View:
    """👍 👎 again vary why. They hold the generation's id alone, so they outlive the process.

    Only what was written from a latent has a neighbourhood to vary in. No generation: a sentence, which
    nobody judges. `edited`: the prompt whose words have changed since.
    """
    view = discord.ui.View(timeout=None)
    varied = ("vary",) if vary else ()
    for action in ("up", "down", "again", *varied, "why") if generation else ():
        view.add_item(ReplyButton(action, generation, locale))
    if edited is not None:
        view.add_item(EditedButton(edited, locale))
    return view


async def deliver(
    interaction: discord.Interaction[Any],
    answering: Answering,
    answer: Answer,
    *,
    quoted: bool = False,
    private: bool = False,
    notes: tuple[str, ...] = (),
) -> list[discord.Message]:
    """One edit of the deferred response with the answer; what does not fit follows. Buttons on the last."""
    locale = answer.request.locale
    parcel = packed(reply_text(answer.request, answer.reply, quoted=quoted), locale, notes)
    view: Any = discord.utils.MISSING
    if answer.kept:
        view = reply_buttons(answer.reply.generation, locale, vary=can_vary(answer.reply))
    files = [parcel.file()] if parcel.whole else []
    sent: list[discord.Message] = []
    for index, part in enumerate(parcel.parts):
        shown = view if index == len(parcel.parts) - 1 else discord.utils.MISSING
        if index == 0:
            sent.append(await interaction.edit_original_response(content=part, view=shown, attachments=files))
        else:
            sent.append(await interaction.followup.send(part, view=shown, ephemeral=private, wait=True))
    if not private:  # nobody can react to, delete or report what one person alone sees
        await answering.attach(answer, [message.id for message in sent])
    return sent
