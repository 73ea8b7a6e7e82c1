"""Slash commands made from the engine's tasks, and the message menu "summarise from here".

Knows: how a task's options become a command's, localised; that a command is deferred at once and
answered with one edit. Does not know: any task by name, how texts are written or shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands

from bot.answering import Answering, asker_of, guarded
from bot.feedback import deliver
from bot.moderation import status_command
from bot.privacy import privacy_command
from bot.summary import MENU_POINTS, MOST, asked, summarize_channel
from bot.translator import by_locale, words
from bot.wording import language, language_of, say
from engine import Option, PromptBroken, Request, Task

AnyCommand = app_commands.Command[Any, ..., Any] | app_commands.ContextMenu


def add_commands(tree: app_commands.CommandTree[Any], answering: Answering) -> None:
    """Registers every command with the tree. Raises PromptBroken for a task that takes a name of ours."""
    own: list[AnyCommand] = [
        status_command(answering),
        privacy_command(answering),
        summarize_menu(answering),
    ]
    for command in own:
        tree.add_command(command)
    for task in answering.engine.tasks.values():
        if not task.command:
            continue
        try:
            tree.add_command(task_command(task, answering))
        except app_commands.CommandAlreadyRegistered as error:
            reason = f"/{task.name} is a command of Moyou's own; rename the file"
            raise PromptBroken(file=f"{task.name}.toml", key="file name", reason=reason) from error


def task_command(task: Task, answering: Answering) -> app_commands.Command[Any, ..., Any]:
    """A task as a slash command, its options in the task's order."""

    async def run(interaction: discord.Interaction[Any], **values: str | int | None) -> None:
        async with guarded(answering, interaction, f"command {task.name}"):
            given = {name: str(value) for name, value in values.items() if value is not None}
            if task.source == "messages":
                await _summarize(interaction, answering, task, given)
            else:
                await _write(interaction, answering, task, given)

    # the library reads a callback's signature; it does not look behind **values
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                "interaction",
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                annotation=discord.Interaction[Any],
            ),
            *(_parameter(option) for option in task.options),
        ]
    )
    if task.options:
        described = {option.name: by_locale(option.description) for option in task.options}
        renamed = {option.name: by_locale(option.names, option.name) for option in task.options}
        run = app_commands.describe(**described)(run)
        run = app_commands.rename(**renamed)(run)
        choices = {option.name: _choices(option) for option in task.options if option.choices}
        run = app_commands.choices(**choices)(run) if choices else run
    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name=by_locale(task.names, task.name),
        description=by_locale(task.description),
        callback=run,
    )
    if task.source == "messages":
        command.guild_only = True
    return command


def _parameter(option: Option) -> inspect.Parameter:
    annotation: Any
    if option.choices:
        annotation = str
    elif option.kind == "integer":
        annotation = app_commands.Range[int, option.minimum, option.maximum]
    else:
        annotation = app_commands.Range[str, 1, option.max_length]
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if option.required else None,
    )


def is_typed(option: Option) -> bool:
    """Whether an option holds words of somebody's own."""
    return option.kind == "text" and not option.choices


def _choices(option: Option) -> list[app_commands.Choice[str]]:
    return [
        app_commands.Choice(name=by_locale(choice.names), value=choice.value) for choice in option.choices
    ]


async def _write(
    interaction: discord.Interaction[Any], answering: Answering, task: Task, given: Mapping[str, str]
) -> None:
    await interaction.response.defer(thinking=True, ephemeral=task.private)
    main = task.main.name if task.main is not None else None
    # what is written tells more than the program it was typed into
    typed = " ".join(
        given[option.name] for option in task.options if is_typed(option) and option.name in given
    )
    request = Request(
        task.name,
        text=given.get(main, "") if main is not None else "",
        options={name: value for name, value in given.items() if name != main},
        locale=language_of(typed, language(str(interaction.locale))),
    )
    answer = await answering.write(request, asker_of(interaction))
    await deliver(interaction, answering, answer, quoted=True, private=task.private)


async def _summarize(
    interaction: discord.Interaction[Any], answering: Answering, task: Task, given: Mapping[str, str]
) -> None:
    filled = task.validate(Request(task.name, options=given)).options
    await summarize_channel(interaction, answering, **asked(filled))


def summarize_menu(answering: Answering) -> app_commands.ContextMenu:
    """The message menu: from this message to the newest."""

    async def summarize_from_here(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        async with guarded(answering, interaction, "menu summarise from here"):
            await summarize_channel(interaction, answering, count=MOST, points=MENU_POINTS, since=message)

    menu = app_commands.ContextMenu(name=words("menu.summarize"), callback=summarize_from_here)
    menu.guild_only = True
    return menu


class Tree(app_commands.CommandTree[Any]):
    """A command tree whose own failures (an unknown command, a wrong option) become sentences too."""

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
