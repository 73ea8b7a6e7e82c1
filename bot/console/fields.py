"""Makes the fields of a task's form from its options, and reads a posted form back into a Request.

Knows: which control suits an option, and the visitor's language for its words.
Does not know: HTML, whether a value is good (`Task.validate` says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.console.pages import named, titled
from bot.wording import language_of, say
from engine import BadInput, Option, Request, Task

LONG = 200
"""A text that may be longer gets several lines."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `choices` are (value, label)."""

    name: str
    label: str
    hint: str
    kind: str
    value: str
    required: bool
    long: bool
    minimum: int
    maximum: int
    choices: tuple[tuple[str, str], ...]


def fields_of(task: Task, locale: str, values: Mapping[str, str]) -> list[Field]:
    """The task's options as fields, its text first; `values` by option name win over defaults."""
    options = sorted(task.options, key=lambda option: not option.main)
    return [_field(option, locale, values.get(option.name, option.default)) for option in options]


def _field(option: Option, locale: str, value: str) -> Field:
    hint = named(locale, option.description)
    if option.kind == "text" and not option.choices:
        hint = say("console.field_hint", locale, hint=hint, limit=option.max_length)
    elif option.kind == "integer":
        hint = say("console.number_hint", locale, hint=hint, low=option.minimum, high=option.maximum)
    return Field(
        name=option.name,
        label=titled(named(locale, option.names, option.name)),
        hint=hint,
        kind=option.kind,
        value=value,
        required=option.required,
        long=option.max_length > LONG,
        minimum=option.minimum,
        maximum=option.maximum,
        choices=tuple((choice.value, named(locale, choice.names, choice.value)) for choice in option.choices),
    )


async def posted(request: web.Request) -> dict[str, str]:
    """The text fields of a posted form. Raises BadInput for a form that cannot be read."""
    try:
        form = await request.post()
    except ValueError as error:
        raise BadInput() from error
    return {name: _whole(value) for name, value in form.items() if isinstance(value, str)}


def _whole(text: str) -> str:
    """Line ends as \\n; what is no character at all is left out."""
    text = text.replace("\r\n", "\n").replace("\0", "")
    return text.encode("utf-8", "ignore").decode()


def request_of(task: Task, locale: str, values: Mapping[str, str]) -> Request:
    """The request that a form asks for; answered in the language of its text, else of the page."""
    main = task.main
    text = values.get(main.name, "") if main else ""
    options = {
        option.name: values[option.name]
        for option in task.options
        if not option.main and values.get(option.name)
    }
    return Request(task.name, text, options, locale=language_of(text, locale))


def values_of(task: Task, request: Request | None) -> dict[str, str]:
    """What stood in the form of a request; nothing once its words are erased."""
    if request is None:
        return {}
    values = dict(request.options)
    if task.main is not None:
        values[task.main.name] = request.text
    return values
