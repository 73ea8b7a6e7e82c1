"""`/privacy`: what is kept about a person, all of it as a file, and how to keep nothing or be forgotten.

Knows: the words of the policy, consent and erasure by a person's own hand, always privately.
Does not know: how anything is kept or erased (the journal does).
"""

from __future__ import annotations

import asyncio
import gzip
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.installs import anywhere
from bot.settings import Settings
from bot.shards import all_here
from bot.style import style_line
from bot.translator import words
from bot.wording import say
from engine import Journal, Kept, Manner, belongings, held_until, kept_of, manner_of

FILE = "moyou-mine.json"
LARGEST = 8_000_000
"""Bytes of a file that Discord takes everywhere."""

_STYLES = {
    "stop": discord.ButtonStyle.secondary,
    "keep": discord.ButtonStyle.secondary,
    "export": discord.ButtonStyle.secondary,
    "forget": discord.ButtonStyle.danger,
    "confirm": discord.ButtonStyle.danger,
}


def privacy_command(answering: Answering) -> app_commands.Command[Any, ..., Any]:
    async def privacy(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command privacy"):
            text, view = await policy(interaction, answering)
            await interaction.response.send_message(text, view=view, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name=words("privacy.name", "privacy"), description=words("privacy.description"), callback=privacy
    )
    anywhere(command)
    return command


async def policy(interaction: discord.Interaction[Any], answering: Answering) -> tuple[str, discord.ui.View]:
    """The policy as it stands for this person, and what they can do about it."""
    locale = str(interaction.locale)
    keeps = await answering.journal(Journal.may_keep, str(interaction.user.id))
    hours = answering.settings.keep_words_hours
    kept = (
        say("privacy.words_kept", locale, hours=f"{hours:g}")
        if hours
        else say("privacy.words_not_kept", locale)
    )
    state = say("privacy.keeps" if keeps else "privacy.keeps_nothing", locale)
    mine = await answering.journal(kept_of, str(interaction.user.id))
    text = "\n".join(
        [
            say("privacy.policy", locale, kept=kept, state=state),
            kept_text(mine, locale),
            limits_text(answering.settings, locale),
        ]
    )
    text += await _elsewhere(answering, locale)
    manner = await answering.journal(manner_of, str(interaction.user.id))
    if manner != Manner():
        text += "\n" + style_line(manner, locale)
    return text, _view(("stop" if keeps else "keep", "export", "forget"), locale)


def kept_text(kept: Kept, locale: str) -> str:
    """How much is kept of a person now."""
    if kept.nothing:
        return say("privacy.mine_nothing", locale)
    return say(
        "privacy.mine",
        locale,
        replies=kept.replies,
        drafts=kept.drafts,
        requests=kept.requests,
        judgements=kept.judgements,
        others=sum(kept.others.values()),
    )


def limits_text(settings: Settings, locale: str) -> str:
    """How long replies and judgements are kept, and backups of them."""
    days = settings.keep_days
    kept = say("privacy.days", locale, days=f"{days:g}") if days else say("privacy.for_good", locale)
    return say("privacy.limits", locale, days=kept, backups=f"{settings.keep_backups_days:g}")


async def backups_text(settings: Settings, locale: str, time_as: Callable[[float], str]) -> str:
    """Until when backups may hold who is forgotten now; "" where there are none."""
    until = await asyncio.to_thread(held_until, settings.backups, settings.keep_backups_days)
    return "" if until is None else say("privacy.backups", locale, until=time_as(until))


async def _elsewhere(answering: Answering, locale: str) -> str:
    """Where other machines keep a journal of their own: that this page does not reach it."""
    here = await all_here(answering.journal, answering.settings)
    return "" if here else "\n" + say("privacy.elsewhere", locale)


def _view(actions: Sequence[str], locale: str) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    for action in actions:
        view.add_item(PrivacyButton(action, locale))
    return view


class PrivacyButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"moyou-privacy:(?P<action>stop|keep|export|forget|confirm)",
):
    """One thing a person can do about what is kept; works after a restart as well."""

    def __init__(self, action: str, locale: str) -> None:
        self.action = action
        super().__init__(
            discord.ui.Button(
                style=_STYLES[action],
                label=say(f"privacy.button.{action}", locale),
                custom_id=f"moyou-privacy:{action}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["action"], str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering = cast(Answering, interaction.client.answering)
        locale = str(interaction.locale)
        person = str(interaction.user.id)
        async with guarded(answering, interaction, f"privacy {self.action}"):
            if self.action in ("stop", "keep"):
                await answering.journal(Journal.set_keep, person, self.action == "keep")
                text, view = await policy(interaction, answering)
                await interaction.response.edit_message(content=text, view=view)
            elif self.action == "export":
                await _export(interaction, answering)
            elif self.action == "forget":
                view = _view(["confirm"], locale)
                await interaction.response.edit_message(content=say("privacy.sure", locale), view=view)
            else:
                gone = await answering.journal(Journal.forget, person)
                text = say("privacy.forgotten", locale, generations=gone.generations, facts=gone.facts)
                backups = await backups_text(answering.settings, locale, lambda at: f"<t:{at:.0f}:f>")
                text += f"\n{backups}" if backups else ""
                text += await _elsewhere(answering, locale)
                await interaction.response.edit_message(content=text, view=None)


async def _export(interaction: discord.Interaction[Any], answering: Answering) -> None:
    """Everything of this person as a file that only they see, packed where it is large."""
    locale = str(interaction.locale)
    await interaction.response.defer(thinking=True, ephemeral=True)
    text = await answering.journal.beside(belongings, str(interaction.user.id))
    data = text.encode("utf-8", "replace")
    name = FILE
    if len(data) > LARGEST:
        data, name = await asyncio.to_thread(gzip.compress, data), f"{FILE}.gz"
    if len(data) > LARGEST:
        await interaction.edit_original_response(content=say("privacy.export_too_large", locale))
        return
    file = discord.File(io.BytesIO(data), name)
    await interaction.edit_original_response(content=say("privacy.exported", locale), attachments=[file])
