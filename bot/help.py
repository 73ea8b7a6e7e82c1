"""`/help`: what Moyou does and how it is asked, in the reader's language and only to them.

Knows: the tasks' own words, the ways of asking. Does not know: any task by name.
"""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.answering import Answering, guarded
from bot.installs import anywhere
from bot.splitting import split
from bot.translator import in_locale, words
from bot.wording import say
from engine import Task


def help_command(answering: Answering) -> app_commands.Command[Any, ..., Any]:
    async def show(interaction: discord.Interaction[Any]) -> None:
        async with guarded(answering, interaction, "command help"):
            parts = split(help_text(list(answering.engine.tasks.values()), str(interaction.locale)))
            await interaction.response.send_message(parts[0], ephemeral=True)
            for part in parts[1:]:
                await interaction.followup.send(part, ephemeral=True)

    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name=words("help.name", "help"), description=words("help.description"), callback=show
    )
    anywhere(command)
    return command


def help_text(tasks: list[Task], locale: str) -> str:
    """The ways of asking, every command with a line, the menus, the buttons."""
    colon = say("summary.colon", locale)
    rows = [
        f"- `/{in_locale(task.names, locale)}`{colon}{in_locale(task.description, locale)}"
        for task in tasks
        if task.command
    ]
    for own in ("style", "privacy"):
        rows.append(f"- `/{say(f'{own}.name', locale)}`{colon}{say(f'{own}.description', locale)}")
    menus = [in_locale(task.menu, locale) for task in tasks if task.menu]
    menus += [say(key, locale) for key in ("menu.summarize", "menu.why", "menu.report")]
    return "\n".join(
        [
            say("help.talk", locale),
            *rows,
            say("help.menus", locale, menus=say("verse.comma", locale).join(menus)),
            say("help.more", locale),
        ]
    )
