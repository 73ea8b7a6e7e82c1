"""`/style`: how Moyou writes for one person, with two menus that only they see.

Knows: how the choice is shown and taken; it works after a restart. Does not know: what a tone or a length
does to a text (the engine does), how the choice is kept (the journal does).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Self, cast

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.installs import anywhere
from bot.translator import words
from bot.wording import say
from engine import LENGTHS, TONES, Manner, manner_of, set_manner

_VALUES = {"tone": TONES, "length": LENGTHS}
USUAL = "auto"
"""What a menu calls the empty choice: Discord takes no empty values."""


def style_command(answering: Answering) -> app_commands.Command[Any, ..., Any]:
    async def style(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command style"):
            manner = await answering.journal(manner_of, str(interaction.user.id))
            text, view = page(manner, str(interaction.locale))
            await interaction.response.send_message(text, view=view, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name=words("style.name", "style"), description=words("style.description"), callback=style
    )
    anywhere(command)
    return command


def page(manner: Manner, locale: str, note: str = "") -> tuple[str, discord.ui.View]:
    """What is chosen, and the menus to choose otherwise."""
    view = discord.ui.View(timeout=None)
    for what in _VALUES:
        view.add_item(StyleMenu(what, locale, getattr(manner, what)))
    rows = [say("style.title", locale), style_line(manner, locale), note or say("style.more", locale)]
    return "\n".join(rows), view


def style_line(manner: Manner, locale: str) -> str:
    """What somebody chose, in a line."""
    chosen = {what: say(f"style.{what}.{getattr(manner, what) or USUAL}", locale) for what in _VALUES}
    return say("style.chosen", locale, **chosen)


class StyleMenu(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"moyou-style:(?P<what>tone|length)"
):
    """A menu of tones or lengths, the one chosen now already picked."""

    def __init__(self, what: str, locale: str, now: str = "") -> None:
        self.what = what
        super().__init__(
            discord.ui.Select(
                custom_id=f"moyou-style:{what}",
                placeholder=say(f"style.pick.{what}", locale),
                options=[
                    discord.SelectOption(
                        label=say(f"style.{what}.{value or USUAL}", locale),
                        value=value or USUAL,
                        description=say(f"style.{what}.{value or USUAL}.more", locale),
                        default=value == now,
                    )
                    for value in _VALUES[what]
                ],
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["what"], str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering = cast(Answering, interaction.client.answering)
        locale, person = str(interaction.locale), str(interaction.user.id)
        async with guarded(answering, interaction, f"style {self.what}"):
            chosen = next(iter(self.item.values), USUAL)
            value = chosen if chosen in _VALUES[self.what] else ""
            manner = dataclasses.replace(await answering.journal(manner_of, person), **{self.what: value})
            kept = await answering.journal(set_manner, person, manner)
            note = say("style.noted" if kept else "style.not_kept", locale)
            text, view = page(manner if kept else Manner(), locale, note)
            await interaction.response.edit_message(content=text, view=view)
