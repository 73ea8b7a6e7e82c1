"""`/settings`: the moderators of a server decide, with menus, buttons and forms, never with syntax.

Knows: how decisions are shown and taken, that only those who may manage the server take them, and that a
page works after a restart (its parts are known by their custom_id, its state is in the journal).
Does not know: what a decision does (`engine.guild_settings`, `bot.admission`).
"""

from __future__ import annotations

import re
from typing import Any, Self, cast

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.digest_form import DigestForm, LeftOutForm, digest_line
from bot.guild_forms import EmojiForm, Form, LimitForm, QuietForm, VoiceForm, WordsForm, offset_name
from bot.guilds import Guilds
from bot.installs import in_servers
from bot.taste_page import tastes_page
from bot.translator import words
from bot.wording import say
from engine import GuildSettings, emoji_values_text, left_out

MOST_CHANNELS = 25
KINDS = [discord.ChannelType.text, discord.ChannelType.news, discord.ChannelType.forum]
_FIELDS = {"channels": "channels", "home": "home_channels", "report": "report_channel"}
_FORMS: dict[str, type[Form]] = {
    each.name: each for each in (VoiceForm, LimitForm, WordsForm, QuietForm, EmojiForm, DigestForm)
}
_SHOWN_CHANNELS = 10
_SHOWN_EMOJI = 8


def settings_command(answering: Answering, guilds: Guilds) -> app_commands.Command[Any, ..., Any]:
    """The command; shown to members with Manage Server unless an administrator decides otherwise."""

    async def settings(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command settings"):
            decided = await guilds.of(interaction.guild_id)
            text, view = page(decided, interaction, answering.settings.message_content)
            await interaction.response.send_message(text, view=view, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name="settings", description=words("guild.description"), callback=settings
    )
    command.default_permissions = discord.Permissions(manage_guild=True)
    in_servers(command)
    return command


def page(
    decided: GuildSettings, interaction: discord.Interaction[Any], can_read: bool
) -> tuple[str, discord.ui.View]:
    """What is decided, and the means to decide otherwise."""
    locale = str(interaction.locale)
    view = discord.ui.View(timeout=None)
    for what in ("channels", "home", "report"):
        view.add_item(ChannelMenu(what, locale, decided))
    summaries = "summaries_off" if decided.summaries else "summaries_on"
    for action in ("voice", "limit", "words", "quiet", "emoji", summaries, "digest", "left_out", "taste"):
        view.add_item(SettingsButton(action, locale))
    digest = say("guild.digest", locale, value=digest_line(decided, interaction.guild, locale, can_read))
    return f"{settings_text(decided, locale, can_read)}\n- {digest}", view


def settings_text(decided: GuildSettings, locale: str, can_read: bool) -> str:
    """Every decision as a line. Blocked words are counted, not spelt: the page may be looked at."""
    rows = {
        "channels": _channels(decided.channels, "guild.everywhere", locale),
        "home": _channels(decided.home_channels, "guild.nowhere", locale),
        "report": _channels(tuple(filter(None, [decided.report_channel])), "guild.nowhere", locale),
        "language": say(f"guild.language.{decided.language or 'auto'}", locale),
        "tone": say(f"guild.tone.{decided.tone or 'auto'}", locale),
        "summaries": say("guild.on" if decided.summaries else "guild.off", locale),
        "limit": str(decided.daily_limit or say("guild.no_limit", locale)),
        "words": say("guild.count", locale, count=len(decided.blocked_words))
        if decided.blocked_words
        else say("guild.nowhere", locale),
        "quiet": quiet_hours(decided, locale),
        "emoji": _emoji(decided),
    }
    if decided.summaries and not can_read:
        rows["summaries"] += f" · {say('guild.needs_intent', locale)}"
    lines = [say(f"guild.{name}", locale, value=value) for name, value in rows.items()]
    return "\n".join([say("guild.title", locale), *(f"- {line}" for line in lines)])


def quiet_hours(decided: GuildSettings, locale: str) -> str:
    if not decided.has_quiet_hours:
        return say("guild.nowhere", locale)
    since, until = (f"{m // 60:02}:{m % 60:02}" for m in (decided.quiet_from, decided.quiet_until))
    return say("guild.hours", locale, since=since, until=until, offset=offset_name(decided.utc_offset))


def _emoji(decided: GuildSettings) -> str:
    more = " …" if len(decided.emoji) > _SHOWN_EMOJI else ""
    return emoji_values_text(decided.emoji[:_SHOWN_EMOJI], " · ") + more


def _channels(ids: tuple[str, ...], none: str, locale: str) -> str:
    if not ids:
        return say(none, locale)
    # what the journal cannot name any more is a hash
    shown = [f"<#{each}>" if len(each) < 32 else say("guild.gone", locale) for each in ids[:_SHOWN_CHANNELS]]
    return " ".join(shown) + (" …" if len(ids) > _SHOWN_CHANNELS else "")


async def decide(interaction: discord.Interaction[Any], **changes: Any) -> None:
    """Keep the changes and show the page as it is now."""
    answering, guilds = _parts(interaction)
    if interaction.guild_id is None or not interaction.permissions.manage_guild:
        text = say("command.not_allowed", str(interaction.locale))
        await interaction.response.send_message(text, ephemeral=True)
        return
    decided = await guilds.change(interaction.guild_id, **changes)
    text, view = page(decided, interaction, answering.settings.message_content)
    await interaction.response.edit_message(content=text, view=view)


def _parts(interaction: discord.Interaction[Any]) -> tuple[Answering, Guilds]:
    return cast(Answering, interaction.client.answering), cast(Guilds, interaction.client.guild_settings)


class ChannelMenu(
    discord.ui.DynamicItem[discord.ui.ChannelSelect[discord.ui.View]],
    template=r"moyou-settings:(?P<what>channels|home|report)",
):
    """A menu of channels, those chosen now already picked."""

    def __init__(self, what: str, locale: str, decided: GuildSettings | None = None) -> None:
        self.what = what
        chosen = getattr(decided, _FIELDS[what], ())
        ids = [each for each in ([chosen] if isinstance(chosen, str) else chosen) if each.isdigit()]
        picked = [
            discord.SelectDefaultValue(id=int(each), type=discord.SelectDefaultValueType.channel)
            for each in ids
            if len(each) < 32
        ]
        super().__init__(
            discord.ui.ChannelSelect(
                custom_id=f"moyou-settings:{what}",
                channel_types=KINDS[:2] if what == "report" else KINDS,
                placeholder=say(f"guild.pick.{what}", locale),
                min_values=0,
                max_values=1 if what == "report" else MOST_CHANNELS,
                default_values=picked[:MOST_CHANNELS],
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["what"], str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        async with guarded(_parts(interaction)[0], interaction, f"settings {self.what}"):
            chosen = tuple(str(channel.id) for channel in self.item.values)
            value: Any = "".join(chosen[:1]) if self.what == "report" else chosen
            await decide(interaction, **{_FIELDS[self.what]: value})


class SettingsButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"moyou-settings:(?P<action>"
    r"voice|limit|words|quiet|emoji|digest|left_out|taste|summaries_on|summaries_off)",
):
    """Opens a form, or switches summaries."""

    def __init__(self, action: str, locale: str) -> None:
        self.action = action
        super().__init__(
            discord.ui.Button(
                style=discord.ButtonStyle.secondary,
                label=say(f"guild.button.{action}", locale),
                custom_id=f"moyou-settings:{action}",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["action"], str(interaction.locale))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        answering, guilds = _parts(interaction)
        async with guarded(answering, interaction, f"settings {self.action}"):
            if self.action.startswith("summaries"):
                await decide(interaction, summaries=self.action == "summaries_on")
                return
            if self.action == "taste":
                await tastes_page(interaction, answering)
                return
            if self.action == "left_out":
                guild = interaction.guild_id or 0
                count = await answering.journal(left_out, str(guild))
                await interaction.response.send_modal(
                    LeftOutForm(guild, count, str(interaction.locale), answering)
                )
                return
            forms: dict[str, type[Form]] = {
                each.name: each
                for each in (VoiceForm, LimitForm, WordsForm, QuietForm, EmojiForm, DigestForm)
            }
            decided = await guilds.of(interaction.guild_id)
            form = forms[self.action](decided, str(interaction.locale), answering, decide)
            await interaction.response.send_modal(form)
