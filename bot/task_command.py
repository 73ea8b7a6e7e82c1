"""A task as a slash command, and what every way of asking for a task shares.

Knows: how a task's options become a command's, localised and completed; the options that every command
has beside them (private or public, a text file); that a command is deferred at once and answered with one
edit. Does not know: any task by name, how texts are written or shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

import discord
from discord import app_commands

from bot.answering import Answering, asker_of, guarded
from bot.attachments import text_of
from bot.choosing import chosen, suggestions
from bot.feedback import deliver
from bot.installs import anywhere, in_servers
from bot.long_input import LongText
from bot.summary import asked, summarize_channel, summarize_file
from bot.threads import open_thread
from bot.translator import by_locale, words
from bot.wording import language, language_of, say
from engine import Option, Request, Task, Wished

LONG = 300
"""A main text that may have this many characters may also come through a window or as a file."""
PRIVATE, FILE = "private", "file"
"""Options of our own; a task's option of the same name takes their place."""
MOST_OPTIONS = 25
LONGEST_CHOICE = 100


def task_command(task: Task, answering: Answering) -> app_commands.Command[Any, ..., Any]:
    """The command, its options in the task's order, ours last."""
    extras = extras_of(task)

    async def run(interaction: discord.Interaction[Any], **values: Any) -> None:
        async with guarded(answering, interaction, f"command {task.name}"):
            wished = values.pop(PRIVATE, None) if PRIVATE in extras else None
            private = task.private if wished is None else wished
            file = values.pop(FILE, None) if FILE in extras else None
            given = {name: str(value) for name, value in values.items() if value is not None}
            if task.source == "messages":
                await _summarize(interaction, answering, task, given, private=private, file=file)
            else:
                await _run(interaction, answering, task, given, private=private, file=file)

    # the library reads a callback's signature; it does not look behind **values
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _keyword("interaction", discord.Interaction[Any], inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(_parameter(option, takes_long(option)) for option in task.options),
            *(_keyword(name, kind, default=None) for name, kind in extras.items()),
        ]
    )
    described = {option.name: by_locale(option.description) for option in task.options}
    renamed = {option.name: by_locale(option.names, option.name) for option in task.options}
    of_messages = "summary." if task.source == "messages" else ""
    for name in extras:
        described[name] = words(f"option.{of_messages}{name}.description")
        renamed[name] = words(f"option.{name}", name)
    choices = {
        option.name: [app_commands.Choice(name=by_locale(c.names), value=c.value) for c in option.choices]
        for option in task.options
        if option.choices and not option.complete
    }
    if described:
        run = app_commands.rename(**renamed)(app_commands.describe(**described)(run))
    run = app_commands.choices(**choices)(run) if choices else run
    command: app_commands.Command[Any, ..., Any] = app_commands.Command(
        name=by_locale(task.names, task.name),
        description=by_locale(task.description),
        callback=run,
    )
    for option in task.options:
        if option.complete:
            _complete(command, option)
    if task.source == "messages":
        in_servers(command)
    else:
        anywhere(command)
    return command


def takes_long(option: Option) -> bool:
    """Whether an option holds the main text, and may hold much of it."""
    return option.main and option.max_length >= LONG


def is_typed(option: Option) -> bool:
    """Whether an option holds words of somebody's own."""
    return option.kind == "text" and not option.choices


def extras_of(task: Task) -> dict[str, Any]:
    """The options of ours that a task's command has, with their types."""
    reads = task.source == "messages"  # private unless its asker shows it
    wanted: dict[str, Any] = {} if task.private and not reads else {PRIVATE: bool}
    if reads or any(takes_long(option) for option in task.options):
        wanted[FILE] = discord.Attachment
    room = MOST_OPTIONS - len(task.options)
    free = [name for name in wanted if task.option(name) is None]
    return {name: wanted[name] for name in free[:room]}


def _keyword(
    name: str,
    annotation: Any,
    kind: Any = inspect.Parameter.KEYWORD_ONLY,
    default: Any = inspect.Parameter.empty,
) -> inspect.Parameter:
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def _parameter(option: Option, optional: bool) -> inspect.Parameter:
    annotation: Any
    if option.complete:
        annotation = app_commands.Range[str, 1, LONGEST_CHOICE]
    elif option.choices:
        annotation = str
    elif option.kind == "integer":
        annotation = app_commands.Range[int, option.minimum, option.maximum]
    else:
        annotation = app_commands.Range[str, 1, option.max_length]
    required = option.required and not optional
    return _keyword(option.name, annotation, default=inspect.Parameter.empty if required else None)


def _complete(command: app_commands.Command[Any, ..., Any], option: Option) -> None:
    async def complete(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
        return suggestions(option, current, str(interaction.locale))

    command.autocomplete(option.name)(complete)


async def _run(
    interaction: discord.Interaction[Any],
    answering: Answering,
    task: Task,
    given: Mapping[str, str],
    *,
    private: bool,
    file: discord.Attachment | None,
) -> None:
    main = task.main
    if main is not None and main.required and main.name not in given and file is None:

        async def submitted(answered: discord.Interaction[Any], text: str) -> None:
            async with guarded(answering, answered, f"window {task.name}"):
                await answered.response.defer(thinking=True, ephemeral=private)
                await write(answered, answering, task, {**given, main.name: text}, private=private)

        await interaction.response.send_modal(LongText(task, str(interaction.locale), submitted))
        return
    await interaction.response.defer(thinking=True, ephemeral=private)
    if file is not None and main is not None:
        typed = given.get(main.name, "")
        given = {**given, main.name: f"{typed}\n{await text_of(file)}".strip()}
    await write(interaction, answering, task, given, private=private)


async def write(
    interaction: discord.Interaction[Any],
    answering: Answering,
    task: Task,
    given: Mapping[str, str],
    *,
    private: bool,
    others: Collection[str] = (),
    holds: Collection[str] = (),
    before: Wished | None = None,
    quoted: bool = True,
) -> None:
    """Answers a deferred interaction with what the task writes for the options given, the text among them.

    `others`: people whose words these are as well; `holds`: replies whose requests' words are; `before`:
    what the journal said before they were read. `quoted`: what was asked stands above the answer.
    """
    locale = str(interaction.locale)
    main = task.main
    text = given.get(main.name, "") if main is not None else ""
    kept = main.kept(text) if main is not None else ""
    options = {
        option.name: chosen(option, given[option.name], locale) if option.complete else given[option.name]
        for option in task.options
        if option.name in given and not option.main
    }
    # what is written tells more than the program it was typed into
    typed = " ".join(
        [
            kept,
            *(options[option.name] for option in task.options if is_typed(option) and option.name in options),
        ]
    )
    request = Request(task.name, text=kept, options=options, locale=language_of(typed, language(locale)))
    notes = (say("text.end_read", request.locale, count=len(kept)),) if len(kept) < len(text.strip()) else ()
    answer = await answering.write(request, asker_of(interaction), others=others, holds=holds, before=before)
    sent = await deliver(interaction, answering, answer, quoted=quoted, private=private, notes=notes)
    if task.thread and not private and answer.kept:
        await open_thread(interaction, answering, sent[-1], kept, request.locale)


async def _summarize(
    interaction: discord.Interaction[Any],
    answering: Answering,
    task: Task,
    given: Mapping[str, str],
    *,
    private: bool,
    file: discord.Attachment | None,
) -> None:
    wanted = asked(task.validate(Request(task.name, options=given)).options, private=private)
    if file is not None:
        await summarize_file(interaction, answering, file, wanted)
    else:
        await summarize_channel(interaction, answering, wanted)
