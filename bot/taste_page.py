"""What the channels of a server like, shown to its moderators, who may have it forgotten.

Knows: how tastes are shown and reset, that only those who manage the server do so.
Does not know: how a taste is learnt (`engine.taste`), what a reset erases (the journal does).
"""

from __future__ import annotations

import re
from typing import Any, Self, cast

import discord

from bot.answering import Answering, guarded
from bot.wording import say
from engine import ChannelTaste, reset_tastes, tastes_in

SHOWN = 15
MOST = 25
KINDS = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.public_thread,
    discord.ChannelType.private_thread,
]


async def tastes_page(interaction: discord.Interaction[Any], answering: Answering) -> None:
    """The channels that have a taste, with the menu that resets it: a private answer."""
    guild = interaction.guild
    places = [str(channel.id) for channel in (*guild.channels, *guild.threads)] if guild is not None else []
    found = await answering.journal(tastes_in, places)
    locale = str(interaction.locale)
    view = discord.ui.View(timeout=None)
    view.add_item(TasteMenu(locale))
    await interaction.response.send_message(tastes_text(found, locale), view=view, ephemeral=True)


def tastes_text(found: list[ChannelTaste], locale: str) -> str:
    """A line for each channel: from how many judgements, and how far it moves what is written there."""
    rows = [
        say(
            "taste.channel",
            locale,
            channel=f"<#{taste.channel}>",
            judgements=taste.judgements,
            people=taste.people,
            share=f"{100 * taste.far:.0f}",
        )
        for taste in found[:SHOWN]
    ]
    more = [say("taste.more", locale, count=len(found) - SHOWN)] if len(found) > SHOWN else []
    head = say("taste.title" if found else "taste.none", locale)
    return "\n".join([head, *(f"- {row}" for row in (*rows, *more)), say("taste.how", locale)])


class TasteMenu(
    discord.ui.DynamicItem[discord.ui.ChannelSelect[discord.ui.View]], template=r"moyou-taste:reset"
):
    """Channels whose taste is to be forgotten."""

    def __init__(self, locale: str) -> None:
        super().__init__(
            discord.ui.ChannelSelect(
                custom_id="moyou-taste:reset",
                channel_types=KINDS,
                placeholder=say("taste.pick", locale),
                min_values=1,
                max_values=MOST,
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering = cast(Answering, interaction.client.answering)
        locale = str(interaction.locale)
        async with guarded(answering, interaction, "taste reset"):
            if interaction.guild_id is None or not interaction.permissions.manage_guild:
                await interaction.response.send_message(say("command.not_allowed", locale), ephemeral=True)
                return
            chosen = [channel.id for channel in self.item.values]
            await answering.journal(reset_tastes, [str(each) for each in chosen])
            channels = " ".join(f"<#{each}>" for each in chosen)
            text = say("taste.reset", locale, channels=channels)
            await interaction.response.edit_message(content=text, view=None)
