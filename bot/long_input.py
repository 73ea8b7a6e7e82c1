"""The window for a text that does not fit a command's line: paragraphs, up to 4,000 characters.

Knows: how a task's text is asked for. Does not know: what becomes of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.rendering import shortened
from bot.translator import in_locale
from engine import Task

MOST = 4000
TITLE = 45
HINT = 100
OPEN_FOR = 900.0
"""Seconds a window stays open before it is forgotten here."""

Submitted = Callable[[discord.Interaction[Any], str], Awaitable[None]]


class LongText(discord.ui.Modal):
    """Asks for the main text of a task; `submitted` gets it."""

    def __init__(self, task: Task, locale: str, submitted: Submitted) -> None:
        super().__init__(title=shortened(in_locale(task.names, locale), TITLE), timeout=OPEN_FOR)
        self._submitted = submitted
        main = task.main
        if main is None:
            raise ValueError(f"the task {task.name} takes no text")
        self._text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="text",
            style=discord.TextStyle.paragraph,
            required=True,
            max_length=MOST if main.keep_end else min(MOST, main.max_length),
        )
        self.add_item(
            discord.ui.Label(
                text=shortened(in_locale(main.names, locale), TITLE),
                description=shortened(in_locale(main.description, locale), HINT),
                component=self._text,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await self._submitted(interaction, self._text.value)
