"""The forms behind `/settings` that are about summaries: the digest, and whom summaries leave out.

Knows: their fields, and that a moderator opens to others only what they may read themselves. Does not know:
how a decision is kept (the page and the journal do), when a digest is written (`bot.digest`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import discord

from bot.answering import Answering, guarded
from bot.digest import sources, trouble_of
from bot.guild_forms import Form, chosen, menu, offset_name, zone_menu
from bot.summary_places import may_read
from bot.wording import say
from engine import DIGEST_CHANNELS, DIGEST_DAYS, GuildSettings, leave_out

SOURCES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
]
MOST_PEOPLE = 25
NEVER = "never"


class DigestForm(Form):
    """Which channels, where, which days, at which hour of which time zone."""

    name = "digest"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        never = (say("guild.digest.never", self.locale), NEVER)
        days = [never, *((say(f"guild.digest.{day}", self.locale), day) for day in DIGEST_DAYS)]
        self.day = menu("day", days, decided.digest or NEVER)
        hours = [(f"{hour:02}:00", str(hour * 60)) for hour in range(24)]
        self.hour = menu("hour", hours, str(decided.digest_at))
        self.zone = zone_menu(decided, self.locale)
        self.read = _channels("read", decided.digest_channels, SOURCES, DIGEST_CHANNELS)
        self.to = _channels("to", tuple(filter(None, [decided.digest_to])), SOURCES[:2], 1)
        yield self.labelled("guild.ask.digest", self.day, "guild.ask.digest_more")
        yield self.labelled("guild.ask.digest_read", self.read)
        yield self.labelled("guild.ask.digest_to", self.to)
        yield self.labelled("guild.ask.digest_at", self.hour)
        yield self.labelled("guild.ask.zone", self.zone)

    def changes(self) -> dict[str, Any]:
        day = chosen(self.day, NEVER)
        if day not in DIGEST_DAYS:
            return {"digest": "", "digest_channels": (), "digest_to": ""}
        return {
            "digest": day,
            "digest_at": int(chosen(self.hour, "540")),
            "digest_channels": tuple(str(each.id) for each in self.read.values),
            "digest_to": "".join(str(each.id) for each in self.to.values[:1]),
            "utc_offset": int(chosen(self.zone, "0")),
        }

    async def refusal(self, interaction: discord.Interaction[Any], decided: GuildSettings) -> str:
        if not decided.digest:
            return ""
        if not decided.digest_channels or not decided.digest_to or interaction.guild is None:
            return say("digest.incomplete", self.locale)
        who, places = interaction.user, sources(decided, interaction.guild)
        if not isinstance(who, discord.Member) or not all([await may_read(each, who) for each in places]):
            return say("digest.you_may_not_read", self.locale)
        trouble = trouble_of(decided, interaction.guild, can_read=True)
        return "" if trouble is None else trouble.said(self.locale)


class LeftOutForm(discord.ui.Modal):
    """Members whom summaries leave out from now on, and those whom they read again."""

    def __init__(self, guild: int, count: int, locale: str, answering: Answering) -> None:
        super().__init__(title=say("guild.button.left_out", locale), custom_id="moyou-form:left_out")
        self._guild, self._locale, self._answering = guild, locale, answering
        self.out, self.back = _people("out"), _people("back")
        said = say("guild.ask.left_out_more", locale, count=count)
        more = {"guild.ask.left_out": said, "guild.ask.back": None}
        for (key, description), item in zip(more.items(), (self.out, self.back), strict=True):
            label = discord.ui.Label(text=say(key, locale), component=item, description=description)
            self.add_item(label)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        async with guarded(self._answering, interaction, "form left_out"):
            if not interaction.permissions.manage_guild:
                text = say("command.not_allowed", self._locale)
                await interaction.response.send_message(text, ephemeral=True)
                return
            for item, out in ((self.out, True), (self.back, False)):
                people = [str(person.id) for person in item.values]
                await self._answering.journal(leave_out, str(self._guild), people, out)
            text = say("guild.left_out_noted", self._locale)
            await interaction.response.send_message(text, ephemeral=True)


def digest_line(decided: GuildSettings, guild: discord.Guild | None, locale: str, can_read: bool) -> str:
    """The digest as decided, with what stands in its way now."""
    if not decided.has_digest:
        return say("guild.nowhere", locale)
    value = say(
        "guild.digest_value",
        locale,
        day=say(f"guild.digest.{decided.digest}", locale),
        at=f"{decided.digest_at // 60:02}:{decided.digest_at % 60:02}",
        offset=offset_name(decided.utc_offset),
        channels=" ".join(f"<#{each}>" for each in decided.digest_channels),
        to=f"<#{decided.digest_to}>",
    )
    if decided.is_quiet_at(decided.digest_at):
        value += " · " + say("guild.digest_waits", locale)
    trouble = None if guild is None else trouble_of(decided, guild, can_read)
    return value if trouble is None else f"{value} · {trouble.said(locale)}"


def _channels(
    name: str, ids: tuple[str, ...], kinds: list[discord.ChannelType], most: int
) -> discord.ui.ChannelSelect[Any]:
    picked = [
        discord.SelectDefaultValue(id=int(each), type=discord.SelectDefaultValueType.channel) for each in ids
    ]
    return discord.ui.ChannelSelect(
        custom_id=name,
        channel_types=kinds,
        required=False,
        min_values=0,
        max_values=most,
        default_values=picked[:most],
    )


def _people(name: str) -> discord.ui.UserSelect[Any]:
    return discord.ui.UserSelect(custom_id=name, required=False, min_values=0, max_values=MOST_PEOPLE)
