"""The one question after a 👎, and the one before a report: reasons to tick and a few words.

Knows: which reasons there are, how they and the words become a judgement's reason.
Does not know: what is judged, where reasons are kept or read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord

from bot.wording import say

REASONS = ("off_topic", "not_fluent", "dull", "copied", "wrong_form", "not_fitting")
"""Why somebody dislikes a reply; `console.reason_*` are the words."""
REPORTS = ("harmful", "insulting", "private", "spam", "other")
"""Why somebody reports a reply; `report.reason_*` are the words."""
LONGEST = 200
"""Characters of the words, so that they fit a judgement's reason beside what is ticked."""
OPEN_FOR = 900.0
"""Seconds a question stays open before it is forgotten here."""

Told = Callable[[discord.Interaction[Any], str], Awaitable[None]]


def reason_of(ticked: Sequence[str], words: str) -> str:
    """What is ticked, by commas, and the words on the next line."""
    return "\n".join([",".join(ticked), words.strip()[:LONGEST]]).rstrip()


def report_words(reason: str, locale: str) -> tuple[str, str]:
    """A report's reason as people read it: what is ticked, in a list, and the words on one line."""
    ticked, _, said = reason.partition("\n")
    names = [say(f"report.reason_{name}", locale) for name in REPORTS if name in ticked.split(",")]
    return say("verse.comma", locale).join(names), " ".join(said.split())


class _Question(discord.ui.Modal):
    """Boxes to tick and a field for words; `told` gets what was answered."""

    def __init__(self, locale: str, key: str, reasons: Sequence[tuple[str, str]], told: Told) -> None:
        super().__init__(title=say(f"{key}.title", locale), timeout=OPEN_FOR)
        self._told = told
        self._reasons: discord.ui.CheckboxGroup[Any] = discord.ui.CheckboxGroup(
            custom_id="reasons",
            required=False,
            min_values=0,
            max_values=len(reasons),
            options=[
                discord.CheckboxGroupOption(label=say(words, locale), value=name) for name, words in reasons
            ],
        )
        self._words: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="words", style=discord.TextStyle.paragraph, required=False, max_length=LONGEST
        )
        self.add_item(discord.ui.Label(text=say(f"{key}.reasons", locale), component=self._reasons))
        hint = say(f"{key}.hint", locale)
        self.add_item(
            discord.ui.Label(text=say(f"{key}.words", locale), description=hint, component=self._words)
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        known = {option.value for option in self._reasons.options}
        ticked = [value for value in self._reasons.values if value in known]
        await self._told(interaction, reason_of(ticked, self._words.value))


class ReasonModal(_Question):
    """What is wrong with a reply, and how its reader would write it."""

    def __init__(self, locale: str, told: Told) -> None:
        super().__init__(locale, "reason", [(name, f"console.reason_{name}") for name in REASONS], told)


class ReportModal(_Question):
    """Why moderators should look at a reply."""

    def __init__(self, locale: str, told: Told) -> None:
        super().__init__(locale, "report", [(name, f"report.reason_{name}") for name in REPORTS], told)
