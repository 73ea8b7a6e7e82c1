"""Choices that are completed while somebody types: forms, tunes, languages.

Knows: how a typed word finds its choices in either script and by sound, and which of them Discord shows.
Does not know: which options there are.
"""

from __future__ import annotations

import re

from discord import app_commands

from bot.translator import in_locale
from engine import Choice, Option, UnknownChoice, simplify

MOST = 25
"""Choices that Discord shows at a time."""
SHOWN = 100
_BETWEEN = re.compile(r"[\W_]+")


def found(option: Option, typed: str) -> list[Choice]:
    """The choices that a typed word may mean, the likeliest first; all of them for nothing."""
    wanted = _compact(typed)
    ranked: list[tuple[int, int, Choice]] = []
    for number, choice in enumerate(option.choices):
        names = [_compact(name) for name in (choice.value, *choice.names.values())]
        # 0 the whole name, 1 its beginning, 2 somewhere in it
        ranks = [
            0 if name == wanted else 1 + (not name.startswith(wanted)) for name in names if wanted in name
        ]
        if ranks:
            ranked.append((min(ranks), number, choice))
    return [choice for _, _, choice in sorted(ranked, key=lambda each: each[:2])]


def suggestions(option: Option, typed: str, locale: str) -> list[app_commands.Choice[str]]:
    """What Discord offers for what was typed so far, in the reader's words."""
    return [
        app_commands.Choice(name=in_locale(choice.names, locale)[:SHOWN], value=choice.value)
        for choice in found(option, typed)[:MOST]
    ]


def chosen(option: Option, typed: str, locale: str) -> str:
    """The value meant: people may send what they typed without choosing. Raises UnknownChoice."""
    wanted = _compact(typed)
    fitting = found(option, typed)
    exact = [
        choice
        for choice in fitting
        if wanted in {_compact(name) for name in (choice.value, *choice.names.values())}
    ]
    if exact or len(fitting) == 1:
        return (exact or fitting)[0].value
    known = ", ".join(in_locale(choice.names, locale) for choice in (fitting or option.choices)[:MOST])
    raise UnknownChoice(option=in_locale(option.names, locale), known=known)


def _compact(text: str) -> str:
    """Simplified, in lower case, without blanks and marks: `Huan xi sha` is `huanxisha`."""
    return _BETWEEN.sub("", simplify(text).casefold())
