"""The forms that `/settings` opens: language and tone, daily limit, blocked words, quiet hours, emoji.

Knows: the fields of each form, filled in with what holds now. Does not know: who may decide, or how a
decision is kept and shown (the page does).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import discord

from bot.answering import Answering, guarded
from bot.wording import say, sentence_of
from engine import (
    LANGUAGES,
    TONES,
    BadInput,
    GuildSettings,
    blocked_words_in,
    emoji_values_in,
    emoji_values_text,
)

MOST_ANSWERS = 1000
TEXT_LIMIT = 4000
OFFSETS = (
    *(-600, -540, -480, -420, -360, -300, -240, -180, 0, 60, 120, 180, 210, 240, 300, 330, 345),
    *(360, 420, 480, 540, 570, 600, 660, 720),
)
"""Time zones as minutes east of Greenwich: a menu has room for twenty-five."""

Decide = Callable[..., Awaitable[None]]


class Form(ABC, discord.ui.Modal):
    """A form whose fields become decisions."""

    name = ""

    def __init__(self, decided: GuildSettings, locale: str, answering: Answering, decide: Decide) -> None:
        super().__init__(title=say(f"guild.button.{self.name}", locale), custom_id=f"moyou-form:{self.name}")
        self.locale = locale
        self._decided = decided
        self._answering = answering
        self._decide = decide
        for label in self.fields(decided):
            self.add_item(label)

    @abstractmethod
    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        """The form's labelled fields, filled in with what holds now."""

    @abstractmethod
    def changes(self) -> dict[str, Any]:
        """The decisions that the filled form holds. Raises ValueError and BadInput."""

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        async with guarded(self._answering, interaction, f"form {self.name}"):
            try:
                changes = self.changes()
            except ValueError:
                text = say("guild.not_a_number", self.locale, most=MOST_ANSWERS)
                await interaction.response.send_message(text, ephemeral=True)
                return
            except BadInput as error:
                text = say("guild.unchanged", self.locale, reason=sentence_of(error, self.locale))
                await interaction.response.send_message(text, ephemeral=True)
                return
            refusal = await self.refusal(interaction, dataclasses.replace(self._decided, **changes))
            if refusal:
                text = say("guild.unchanged", self.locale, reason=refusal)
                await interaction.response.send_message(text, ephemeral=True)
                return
            await self._decide(interaction, **changes)

    async def refusal(self, interaction: discord.Interaction[Any], decided: GuildSettings) -> str:
        """The sentence that says why this cannot be decided, "" when it can."""
        return ""

    def labelled(self, key: str, item: discord.ui.Item[Any], more: str = "") -> discord.ui.Label[Any]:
        described = say(more, self.locale) if more else None
        return discord.ui.Label(text=say(key, self.locale), component=item, description=described)


class VoiceForm(Form):
    name = "voice"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        self.language = menu("language", self._named("language", LANGUAGES), decided.language or "auto")
        self.tone = menu("tone", self._named("tone", TONES), decided.tone or "auto")
        yield self.labelled("guild.ask.language", self.language, "guild.ask.language_more")
        yield self.labelled("guild.ask.tone", self.tone)

    def _named(self, name: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
        named = (each or "auto" for each in values)
        return [(say(f"guild.{name}.{each}", self.locale), each) for each in named]

    def changes(self) -> dict[str, Any]:
        language, tone = (chosen(menu, "auto") for menu in (self.language, self.tone))
        return {"language": language if language in LANGUAGES else "", "tone": tone if tone in TONES else ""}


class LimitForm(Form):
    name = "limit"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        self.limit: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="limit", default=str(decided.daily_limit), max_length=4
        )
        yield self.labelled("guild.ask.limit", self.limit)

    def changes(self) -> dict[str, Any]:
        limit = int(self.limit.value.strip())
        if not 0 <= limit <= MOST_ANSWERS:
            raise ValueError
        return {"daily_limit": limit}


class WordsForm(Form):
    name = "words"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        self.words: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="words",
            style=discord.TextStyle.paragraph,
            default="\n".join(decided.blocked_words)[:TEXT_LIMIT],
            required=False,
            max_length=TEXT_LIMIT,
        )
        yield self.labelled("guild.ask.words", self.words, "guild.ask.words_more")

    def changes(self) -> dict[str, Any]:
        return {"blocked_words": blocked_words_in(self.words.value)}


class EmojiForm(Form):
    name = "emoji"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        self.emoji: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="emoji",
            style=discord.TextStyle.paragraph,
            default=emoji_values_text(decided.emoji),
            required=False,
            max_length=TEXT_LIMIT,
        )
        yield self.labelled("guild.ask.emoji", self.emoji, "guild.ask.emoji_more")

    def changes(self) -> dict[str, Any]:
        return {"emoji": emoji_values_in(self.emoji.value)}


class QuietForm(Form):
    name = "quiet"

    def fields(self, decided: GuildSettings) -> Iterable[discord.ui.Label[Any]]:
        has = decided.has_quiet_hours
        hours = [(f"{hour:02}:00", str(hour * 60)) for hour in range(24)]
        never = (say("guild.never", self.locale), "never")
        self.since = menu("since", [never, *hours], str(decided.quiet_from) if has else "never")
        self.until = menu("until", hours, str(decided.quiet_until if has else 7 * 60))
        self.zone = zone_menu(decided, self.locale)
        yield self.labelled("guild.ask.quiet_from", self.since)
        yield self.labelled("guild.ask.quiet_until", self.until)
        yield self.labelled("guild.ask.zone", self.zone)

    def changes(self) -> dict[str, Any]:
        since = chosen(self.since, "never")
        if since == "never":
            return {"quiet_from": 0, "quiet_until": 0}
        until, zone = int(chosen(self.until, "0")), int(chosen(self.zone, "0"))
        return {"quiet_from": int(since), "quiet_until": until, "utc_offset": zone}


def menu(name: str, choices: list[tuple[str, str]], now: str) -> discord.ui.Select[Any]:
    options = [
        discord.SelectOption(label=label, value=value, default=value == now) for label, value in choices
    ]
    return discord.ui.Select(custom_id=name, options=options)


def chosen(menu: discord.ui.Select[Any], otherwise: str) -> str:
    return menu.values[0] if menu.values else otherwise


def zone_menu(decided: GuildSettings, locale: str) -> discord.ui.Select[Any]:
    """The server's time zone; where nothing needed it yet, a guess."""
    usual = 480 if locale.startswith("zh") else 0
    if decided.has_quiet_hours or decided.digest:
        usual = decided.utc_offset
    zones = [(f"UTC{offset_name(minutes)}", str(minutes)) for minutes in OFFSETS]
    return menu("zone", zones, str(usual))


def offset_name(minutes: int) -> str:
    """+8, −3, +5:30: hours and minutes east of Greenwich."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'−' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")
