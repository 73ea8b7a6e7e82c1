"""Every command and menu of Moyou's on Discord's tree, and what is said when the tree itself fails.

Knows: which commands there are beside the tasks' own. Does not know: any task by name, what commands do.
"""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from bot.answering import Answering, guarded, may_speak
from bot.feedback_command import feedback_command
from bot.help import help_command
from bot.installs import AnyCommand, in_servers
from bot.menus import report_menu, task_menu, why_menu
from bot.model_command import model_command
from bot.moderation import status_command
from bot.privacy import privacy_command
from bot.style import style_command
from bot.summary import Asked, summarize_channel
from bot.task_command import task_command
from bot.translator import words
from bot.wording import say
from engine import PromptBroken


def add_commands(tree: app_commands.CommandTree[Any], answering: Answering) -> None:
    """Registers every command with the tree. Raises PromptBroken for a task that takes a name of ours."""
    own: list[AnyCommand] = [
        status_command(answering),
        feedback_command(answering),
        model_command(answering),
        privacy_command(answering),
        style_command(answering),
        help_command(answering),
        summarize_menu(answering),
        why_menu(answering),
        report_menu(answering),
    ]
    for command in own:
        tree.add_command(command)
    for task in answering.engine.tasks.values():
        file = f"{task.name}.toml"
        try:
            if task.command:
                tree.add_command(task_command(task, answering))
            if task.menu:
                tree.add_command(task_menu(task, answering))
        except app_commands.CommandAlreadyRegistered as error:
            if error.name != task.name:
                raise PromptBroken(file=file, key="menu", reason=f"{error.name} is a menu already") from error
            reason = f"/{task.name} is a command of Moyou's own; rename the file"
            raise PromptBroken(file=file, key="file name", reason=reason) from error
        except app_commands.CommandLimitReached as error:
            reason = f"Discord takes {error.limit} menus; take this table out of one of the files"
            raise PromptBroken(file=file, key="menu", reason=reason) from error


def summarize_menu(answering: Answering) -> app_commands.ContextMenu:
    """The message menu: from this message to the newest."""

    async def summarize_from_here(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async with guarded(answering, interaction, "menu summarise from here"):
            await summarize_channel(interaction, answering, Asked(since=message))

    menu = app_commands.ContextMenu(name=words("menu.summarize"), callback=summarize_from_here)
    in_servers(menu)
    return menu


class Tree(app_commands.CommandTree[Any]):
    """A command tree whose own failures (an unknown command, a wrong option) become sentences too.

    What writes aloud is held to the moderators' decisions before it is deferred.
    """

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        answering: Answering = interaction.client.answering
        typed = interaction.type is discord.InteractionType.application_command
        name = str(getattr(interaction.command, "qualified_name", "")) if typed else ""
        task = answering.engine.tasks.get(name)
        if task is None or task.private:
            return True
        return await may_speak(answering, interaction, f"command {name}")

    async def on_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError, /
    ) -> None:
        answering: Answering = interaction.client.answering
        async with guarded(answering, interaction, "command"):
            if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
                # Discord shows a command as it was before the last start
                await interaction.response.send_message(
                    say("command.outdated", str(interaction.locale)), ephemeral=True
                )
            elif isinstance(error, app_commands.MissingPermissions | app_commands.NoPrivateMessage):
                await interaction.response.send_message(
                    say("command.not_allowed", str(interaction.locale)), ephemeral=True
                )
            else:
                raise error
