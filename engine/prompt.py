"""Reads `prompts/`: one TOML file is one task, with its names, options, condition and decoding.

Knows: the schema of a task's file, Discord's limits on commands (so that a file which cannot become
a command is refused at start, by file, key and reason), and how a Request is held against a task.
Does not know: models, how a command is registered, or which task a message asks for.

A file has these keys; everything else is refused, so that a misspelt key is never ignored:

    model = "talk" | "verse" | "translate" | "extract"   which checkpoint writes it (required)
    source = "text" | "messages"             what it works on; "text" when absent
    condition = "<post> {topic} {mood}"      what the condition encoder reads; {context} is the turns
                                             before; required unless the model is "extract"
    form = "qijue"                           a verse task's fixed form; or give it an option `form`
    dial = "vary" | "blend"                  a talk task that moves the given text, prose or verse, on
                                             the latent; blend needs the options second and steps
    private, command = false, true           only the asker sees the answer; it is a slash command
    thread = true                            the answer opens a thread where the conversation goes on
    [menu]                                   what it is called in a message's menu, one line a locale
    [name] [description]                     one line a locale: en and zh-CN required
    [options.KEY]                            required, main, kind, max_length, minimum, maximum,
                                             default, description, name, choices, complete, keep_end
    [decoding]                               temperature, nucleus, max_tokens, drafts, no_repeat, spread,
                                             abstain
"""

from __future__ import annotations

import dataclasses
import re
import string
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

from engine.english_forms import english_form
from engine.errors import BadOption, PromptBroken, TextTooLong, UnknownForm
from engine.forms import form_named
from engine.task import (
    CONTEXT,
    MAX_INTEGER,
    SECOND,
    STEPS,
    Choice,
    Decoding,
    Dial,
    Kind,
    Model,
    Option,
    Source,
    Task,
)
from engine.toml_table import LOCALES, Table

__all__ = ["Choice", "Decoding", "Option", "Task", "load_tasks", "read_task"]

MAX_OPTIONS = 25
MAX_CHOICES = 25
MAX_COMPLETED = 200
"""Choices that are offered while somebody types: Discord shows 25 at a time."""
MAX_DESCRIPTION = 100
MAX_CHOICE = 100
MAX_TEXT_OPTION = 6000
MAX_COMMAND = 8000
"""Discord: characters of all names, descriptions and choice values of one command together."""

_FILE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_OPTION_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")


def load_tasks(folder: Path | None = None) -> dict[str, Task]:
    """Every task of a folder by name, in the order of names; None reads the installed `prompts`.

    Raises PromptBroken(file, key, reason) for the first file that is not right.
    """
    if folder is None:
        folder = Path(str(resources.files("prompts")))
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise PromptBroken(file=folder, key="folder", reason=error.strerror or "cannot be read") from error
    if not files:
        raise PromptBroken(file=folder, key="folder", reason="it holds no .toml file")
    tasks: dict[str, Task] = {}
    taken: dict[tuple[str, str], str] = {}
    menus: dict[tuple[str, str], str] = {}
    for file in files:
        task = read_task(file)
        for locale, name in task.names.items() if task.command else ():
            other = taken.setdefault((locale, name), file.name)
            if other != file.name:
                raise PromptBroken(file=file, key=f"name.{locale}", reason=f"{other} has the same name")
        for locale, name in task.menu.items():
            other = menus.setdefault((locale, name), file.name)
            if other != file.name:
                raise PromptBroken(file=file, key=f"menu.{locale}", reason=f"{other} has the same menu")
        tasks[task.name] = task
    return tasks


def read_task(file: Path) -> Task:
    """One file as a Task. Raises PromptBroken(file, key, reason)."""
    if not _FILE_NAME.fullmatch(file.stem):
        raise PromptBroken(
            file=file, key="file name", reason="use 1 to 32 of a-z 0-9 _ -, beginning with a letter"
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptBroken(file=file, key="file", reason=error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PromptBroken(file=file, key=f"line {line}", reason="it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (.*)\)", str(error), re.DOTALL)
        reason, place = found.groups() if found else (str(error), "syntax")
        place = f"line {content_lines(file)}" if place == "end of document" else place
        raise PromptBroken(file=file, key=place, reason=reason[:1].lower() + reason[1:]) from error
    return _task(file.stem, Table(file, content))


def content_lines(file: Path) -> int:
    """The number of a file's last line."""
    return max(1, len(file.read_text(encoding="utf-8").splitlines()))


def _task(name: str, table: Table) -> Task:
    model = table.one_of("model", ("talk", "verse", "translate", "extract"))
    source = table.one_of("source", ("text", "messages"), "text")
    private, command = table.flag("private", False), table.flag("command", True)
    task = Task(
        name=name,
        model=cast(Model, model),
        source=cast(Source, source),
        names=table.names("name", command=True),
        description=table.names("description", limit=MAX_DESCRIPTION),
        options=_options(table),
        condition=table.text("condition", "" if model == "extract" else None),
        decoding=_decoding(table.table("decoding")),
        private=private,
        command=command,
        form=table.text("form", ""),
        dial=cast(Dial, table.one_of("dial", ("", "vary", "blend"), "")),
        thread=table.flag("thread", False),
        menu=table.names("menu") if "menu" in table.keys else {},
    )
    _check_condition(task, table)
    _check_dial(task, table)
    if model == "verse" and bool(task.form) == (task.option("form") is not None):
        raise table.broken("form", "a verse task needs either this key or an option named form, not both")
    if model == "verse" and not task.forms:
        raise table.broken("options.form.choices", "it is missing; a verse task names its forms")
    for form in task.forms:
        try:
            if english_form(form) is None:
                form_named(form)
        except UnknownForm as error:
            key = "form" if task.form else "options.form.choices"
            raise table.broken(key, str(error).rstrip(".")) from error
    if model != "verse" and task.form:
        raise table.broken("form", 'only a task with model = "verse" has a form')
    if task.menu and (task.main is None or source != "text"):
        raise table.broken("menu", "it needs a main option, which takes the message's text")
    if (model == "extract") != (source == "messages"):
        raise table.broken("source", 'model = "extract" and source = "messages" go together')
    if (size := _command_size(task)) > MAX_COMMAND:
        raise table.broken(
            "description", f"the command has {size} characters in all, Discord takes {MAX_COMMAND}"
        )
    table.finish()
    return task


def _check_condition(task: Task, table: Table) -> None:
    known = {option.name for option in task.options} | {CONTEXT}
    try:
        parsed = list(string.Formatter().parse(task.condition))
    except ValueError as error:
        raise table.broken("condition", f"its braces do not match ({error})") from error
    for _, name, specification, conversion in parsed:
        if name is not None and (specification or conversion or name not in known):
            spelt = name + (f"!{conversion}" if conversion else "")
            spelt += f":{specification}" if specification else ""
            reason = f"{{{spelt}}} is no option; there are: {', '.join(sorted(known))}"
            raise table.broken("condition", reason)


def _check_dial(task: Task, table: Table) -> None:
    if not task.dial:
        return
    if task.model != "talk" or task.main is None or not task.main.required:
        raise table.broken("dial", 'it needs model = "talk" and a required main option, the text to move')
    second, steps = task.option(SECOND), task.option(STEPS)
    if task.dial == "blend" and (second is None or not second.required):
        raise table.broken(f"options.{SECOND}", "it is missing or not required; a blend is of two texts")
    if task.dial == "blend" and (steps is None or steps.kind != "integer" or steps.minimum < 1):
        raise table.broken(f"options.{STEPS}", "it is missing or no integer from 1; a blend has points")


def _options(table: Table) -> tuple[Option, ...]:
    tables = table.table("options")
    options = [_option(key, tables.table(key)) for key in tables.keys]
    if len(options) > MAX_OPTIONS:
        raise table.broken("options", f"there are {len(options)}, Discord takes {MAX_OPTIONS}")
    mains = [option.name for option in options if option.main]
    if len(mains) > 1:
        raise table.broken(f"options.{mains[1]}.main", f"{mains[0]} is the main option already")
    for locale in LOCALES:
        names = [option.names[locale] for option in options if locale in option.names]
        for option in options:
            if names.count(option.names.get(locale, "")) > 1:
                raise table.broken(f"options.{option.name}.name", f"two options have this name in {locale}")
    # Discord wants the required ones first; the file may have them in any order
    return tuple(sorted(options, key=lambda option: not option.required))


def _option(key: str, table: Table) -> Option:
    if not _OPTION_KEY.fullmatch(key):
        raise table.broken("", "use 1 to 32 of a-z 0-9 _ for an option's key, beginning with a letter")
    if key == CONTEXT:
        raise table.broken("", "this name is kept for the earlier turns; choose another")
    kind = cast(Kind, table.one_of("kind", ("text", "integer"), "text"))
    number = kind == "integer"
    complete = table.flag("complete", False)
    option = Option(
        name=key,
        names=table.names("name", command=True, default=key),
        description=table.names("description", limit=MAX_DESCRIPTION),
        required=table.flag("required", False),
        main=table.flag("main", False),
        kind=kind,
        max_length=200 if number else table.integer("max_length", 200, 1, MAX_TEXT_OPTION),
        minimum=table.integer("minimum", 0, -MAX_INTEGER, MAX_INTEGER) if number else 0,
        maximum=table.integer("maximum", MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER) if number else MAX_INTEGER,
        default=table.text_or_integer("default", ""),
        choices=_choices(table.tables("choices"), MAX_COMPLETED if complete else MAX_CHOICES),
        complete=complete,
        keep_end=table.flag("keep_end", False),
    )
    if complete and not option.choices:
        raise table.broken("complete", "only choices can be completed, and there are none")
    if option.keep_end and not option.main:
        raise table.broken("keep_end", "it is for the main option, the text")
    if option.minimum > option.maximum:
        raise table.broken("minimum", f"it is above maximum ({option.maximum})")
    if option.main and (option.choices or number):
        raise table.broken("main", "the main option carries text: no choices, no integer")
    if option.choices and number:
        raise table.broken("choices", "only a text option has choices")
    if option.default and option.required:
        raise table.broken("default", "a required option has no default")
    try:
        default = option.read(option.default)
    except (BadOption, TextTooLong) as error:
        raise table.broken("default", str(error).rstrip(".")) from error
    table.finish()
    return dataclasses.replace(option, default=default)


def _choices(tables: Sequence[Table], most: int) -> tuple[Choice, ...]:
    choices: list[Choice] = []
    for table in tables:
        choice = Choice(table.text("value"), table.names("name", limit=MAX_CHOICE))
        if not 1 <= len(choice.value) <= MAX_CHOICE:
            raise table.broken("value", f"use 1 to {MAX_CHOICE} characters")
        if any(choice.value == other.value for other in choices):
            raise table.broken("value", f"{choice.value} is there twice")
        table.finish()
        choices.append(choice)
    if len(choices) > most:
        whose = "Discord takes" if most == MAX_CHOICES else "at most"
        raise tables[0].broken("", f"there are {len(choices)} choices, {whose} {most}")
    return tuple(choices)


def _decoding(table: Table) -> Decoding:
    plain = Decoding()
    decoding = Decoding(
        temperature=table.number("temperature", plain.temperature, 0, 2),
        nucleus=table.number("nucleus", plain.nucleus, 0, 1),
        max_tokens=table.integer("max_tokens", plain.max_tokens, 1, 2000),
        drafts=table.integer("drafts", plain.drafts, 1, 64),
        no_repeat=table.integer("no_repeat", plain.no_repeat, 0, 20),
        spread=table.number("spread", plain.spread, 0, 2),
        abstain=table.number("abstain", plain.abstain, -1, 1),
    )
    table.finish()
    return decoding


def _command_size(task: Task) -> int:
    """Discord counts a text once, in its longest locale. Choices that are completed travel later."""
    texts: list[Mapping[str, str]] = [task.names, task.description]
    listed = [choice for option in task.options if not option.complete for choice in option.choices]
    for option in task.options:
        texts += [option.names, option.description]
    texts += [choice.names for choice in listed]
    values = sum(len(choice.value) for choice in listed)
    return values + sum(max(len(text) for text in by_locale.values()) for by_locale in texts)
