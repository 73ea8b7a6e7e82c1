"""Summaries of what is pasted or uploaded: each point with the passages it came from.

Knows: where a posted text stands, how points and passages are tied for the page.
Does not know: how texts are read (`bot.logs`) or summarised (`engine`). Nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot import logs
from bot.console.faults import Fault, fault_of
from bot.console.fields import fields_of
from bot.console.state import CONSOLE, VISITOR, Console, Visitor
from bot.wording import say
from engine import BadFile, BadInput, Message, MoyouError, NothingToSummarize, Request, Summary, Task, Topic

OPTIONS = ("count", "length", "points")
"""Those of the task that a text has; the others speak of a channel."""
POINTS = {"short": 3, "normal": 5, "long": 10}


@dataclass(frozen=True, slots=True)
class Passage:
    """One message or passage as shown: `anchor` is its place in the page, `number` what people see."""

    anchor: str
    number: int
    author: str
    text: str
    cited: bool


@dataclass(frozen=True, slots=True)
class ShownPoint:
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
        values, pasted, name = await _posted(request, visitor.locale)
        options = {option.name: values[option.name] for option in task.options if values.get(option.name)}
        asked = task.validate(Request(task.name, options=options, locale=visitor.locale))
        messages = await asyncio.to_thread(logs.read, pasted, name)
        if not messages:
            raise NothingToSummarize()
        count = int(asked.options.get("count") or len(messages))
        points = int(
            asked.options.get("points") or POINTS.get(asked.options.get("length", ""), POINTS["normal"])
        )
        recent = messages[-count:]
        summary = await console.engine.summarize(recent, points=points)
    except MoyouError as error:
        if visitor.part:
            raise
        return page(console, visitor, task, values=values, fault=fault_of(error, visitor.locale))
    shown = _shown(summary, recent, len(messages))
    if visitor.part:
        return console.pages.answer("_summary.html", visitor, **shown)
    return page(console, visitor, task, values=values, shown=shown)


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
    # a pasted text is meant to be read whole, other than a channel
    whole = {option.name: str(option.maximum) for option in task.options if option.name == "count"}
    return console.pages.answer(
        "summary.html",
        visitor,
        status=fault.status if fault else 200,
        task=task,
        fields=fields_of(
            dataclasses.replace(task, options=shown_options), visitor.locale, {**whole, **values}
        ),
        pasted=values.get("pasted", ""),
        fault=fault,
        **(shown or {"summary": None}),
    )


async def _posted(request: web.Request, locale: str) -> tuple[dict[str, str], str, str]:
    """The form's fields, the text to summarise, and the name of its file. Raises BadFile, BadInput."""
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
    try:
        return values, content.decode("utf-8"), name
    except UnicodeDecodeError as error:
        raise BadFile(file=name, reason=say("console.not_utf8", locale)) from error


def _shown(summary: Summary, messages: Sequence[Message], everything: int) -> dict[str, Any]:
    cited = {source for point in summary.points for source in point.sources}
    passages = {
        message.id: Passage(f"passage-{number}", number, message.author, message.text, message.id in cited)
        for number, message in enumerate(messages, 1)
    }
    topics = [
        ShownTopic(
            topic.title if len(summary.topics) > 1 else "",
            tuple(
                ShownPoint(
                    point.text, point.author, point.kind, tuple(passages[one] for one in point.sources)
                )
                for point in topic.points
            ),
        )
        for topic in summary.topics or (Topic("", summary.points),)
    ]
    return {
        "summary": summary,
        "topics": topics,
        "messages": list(passages.values()),
        "read": len(messages),
        "all": everything,
    }
