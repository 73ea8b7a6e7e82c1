"""Summaries of what is pasted or uploaded: each point with the passages it came from.

Knows: where a posted text stands, how points and passages are tied for the page.
Does not know: how texts are read (`bot.logs`) or summarised (`engine`). Nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot import logs
from bot.console.faults import Fault, fault_of
from bot.console.fields import Field, fields_of
from bot.console.state import CONSOLE, VISITOR, Console, Visitor
from bot.summary import POINTS
from bot.summary_reading import MOST
from bot.summary_text import KINDS
from bot.wording import say
from engine import (
    BadInput,
    Message,
    MoyouError,
    NothingToSummarize,
    Request,
    Summary,
    Task,
    Topic,
    on_behalf_of,
    text_in,
)

OPTIONS = ("count", "length", "points")
"""Those of the task that a text has; the others speak of a channel."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One message or passage as shown: `anchor` is its place in the page, `number` what people see,
    `points` the numbers of the points that come from it."""

    anchor: str
    number: int
    author: str
    text: str
    points: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShownPoint:
    """`number` is its place among all points, from 1 on."""

    number: int
    text: str
    author: str
    kind: str
    sources: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """`title` is "" where there is one topic only."""

    title: str
    points: tuple[ShownPoint, ...]


async def post(request: web.Request, task: Task) -> web.Response:
    """POST /write/summary: the points of a text."""
    console, visitor = request.app[CONSOLE], request[VISITOR]
    values: dict[str, str] = {}
    try:
        values, pasted, name = await _posted(request)
        options = {option.name: values[option.name] for option in task.options if values.get(option.name)}
        asked = task.validate(Request(task.name, options=options, locale=visitor.locale))
        messages = await asyncio.to_thread(logs.read, pasted, name)
        if not messages:
            raise NothingToSummarize()
        count = min(int(asked.options.get("count") or MOST), MOST)
        points = int(
            asked.options.get("points") or POINTS.get(asked.options.get("length", ""), POINTS["normal"])
        )
        recent = messages[-count:]
        with on_behalf_of(visitor.person):
            summary = await console.engine.summarize(recent, points=points)
    except MoyouError as error:
        if visitor.part:
            raise
        return page(console, visitor, task, values=values, fault=fault_of(error, visitor.locale))
    shown = _shown(summary, recent, len(messages))
    # thousands of passages take a while to lay out: not on the event loop
    if visitor.part:
        return await asyncio.to_thread(console.pages.answer, "_summary.html", visitor, **shown)
    return await asyncio.to_thread(page, console, visitor, task, values=values, shown=shown)


def page(
    console: Console,
    visitor: Visitor,
    task: Task,
    *,
    values: Mapping[str, str] | None = None,
    shown: Mapping[str, Any] | None = None,
    fault: Fault | None = None,
) -> web.Response:
    values = values or {}
    shown_options = tuple(option for option in task.options if option.name in OPTIONS)
    return console.pages.answer(
        "summary.html",
        visitor,
        status=fault.status if fault else 200,
        task=task,
        fields=[
            _of_a_text(field, visitor.locale)
            for field in fields_of(dataclasses.replace(task, options=shown_options), visitor.locale, values)
        ],
        pasted=values.get("pasted", ""),
        fault=fault,
        **(shown or {"summary": None}),
    )


def _of_a_text(field: Field, locale: str) -> Field:
    """A field of the task as it is meant for a text, which is read whole, other than a channel."""
    if field.name != "count":
        return field
    hint = say("console.count_hint", locale)
    hint = say("console.number_hint", locale, hint=hint, low=field.minimum, high=field.maximum)
    return dataclasses.replace(field, hint=hint)


async def _posted(request: web.Request) -> tuple[dict[str, str], str, str]:
    """The form's fields, the text to summarise, and the name of its file. Raises FileNotText, BadInput."""
    try:
        form = await request.post()
    except ValueError as error:
        raise BadInput() from error
    values = {
        name: value.replace("\r\n", "\n").encode("utf-8", "ignore").decode()
        for name, value in form.items()
        if isinstance(value, str)
    }
    upload = form.get("upload")
    if not isinstance(upload, web.FileField):
        return values, values.get("pasted", ""), ""
    with contextlib.closing(upload.file) as file:
        content = file.read()
    if not content.strip():
        return values, values.get("pasted", ""), ""
    name = upload.filename[:100]
    return values, await asyncio.to_thread(text_in, content, name), name


def _shown(summary: Summary, messages: Sequence[Message], everything: int) -> dict[str, Any]:
    topics = summary.topics or (Topic("", summary.points),)
    points = [point for topic in topics for point in topic.points]
    cited: dict[str, list[int]] = {}
    for number, point in enumerate(points, 1):
        for source in point.sources:
            cited.setdefault(source, []).append(number)
    passages = {
        message.id: Passage(
            f"passage-{number}", number, message.author, message.text, tuple(cited.get(message.id, ()))
        )
        for number, message in enumerate(messages, 1)
    }
    numbers = itertools.count(1)
    return {
        "summary": summary,
        "topics": [
            ShownTopic(
                topic.title if len(topics) > 1 else "",
                tuple(
                    ShownPoint(
                        next(numbers),
                        point.text,
                        point.author,
                        point.kind,
                        tuple(passages[one] for one in point.sources),
                    )
                    for point in topic.points
                ),
            )
            for topic in topics
        ],
        "kinds": [(kind, count) for kind in KINDS if (count := sum(p.kind == kind for p in points))],
        "messages": list(passages.values()),
        "read": len(messages),
        "all": everything,
    }
