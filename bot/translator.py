"""The names and descriptions of commands in Discord's locales.

Knows: which of our languages a Discord locale reads; Chinese is the default, zh-TW derived from zh-CN.
Does not know: which commands there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands

from bot.wording import language, say, traditional

OURS = (
    discord.Locale.chinese,
    discord.Locale.taiwan_chinese,
    discord.Locale.british_english,
    discord.Locale.american_english,
)


def by_locale(words: Mapping[str, str], default: str | None = None) -> app_commands.locale_str:
    """Words by locale (zh-CN and en at least) as Discord's library takes them; `default` for the rest."""
    return app_commands.locale_str(words["zh-CN"] if default is None else default, words=dict(words))


def words(key: str, default: str | None = None) -> app_commands.locale_str:
    """The words of a key of `bot.wording`; `default` as in `by_locale`."""
    return by_locale({"zh-CN": say(key, "zh-CN"), "en": say(key, "en")}, default)


def in_locale(words: Mapping[str, str], locale: str) -> str:
    """Words by locale as a reader of `locale` gets them: their own, or those of our nearest language."""
    if locale in words:
        return words[locale]
    mine = language(locale)
    return traditional(words["zh-CN"]) if mine == "zh-TW" and mine not in words else words[mine]


class Translator(app_commands.Translator):
    """Says a `by_locale` text in a Discord locale; None where the default serves."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContext[Any, Any],
    ) -> str | None:
        known: Mapping[str, str] | None = string.extras.get("words")
        if known is None or locale not in OURS:
            return None
        return in_locale(known, locale.value)
